//! What many runs came to.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use super::kind::Plan;
use super::say;
use super::verdict::Verdict;

/// The sums over the runs so far, and which failed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    done: u64,
    failed: Vec<u64>,
    simulated: Duration,
    messages: u64,
    /// With its seed.
    slowest_recovery: (Duration, u64),
    outcomes: BTreeMap<String, u64>,
    removals: (usize, usize),
}

impl Tally {
    pub(crate) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Takes a run in, and says at once if it failed.
    pub(crate) fn add(&mut self, plan: Plan, verdict: Verdict, of: u64) {
        self.done += 1;
        self.simulated += verdict.simulated;
        self.messages += verdict.messages;
        self.removals.0 += verdict.removals_done;
        self.removals.1 += verdict.removals_begun;
        let recovery = (verdict.recovery.unwrap_or_default(), verdict.seed);
        self.slowest_recovery = self.slowest_recovery.max(recovery);
        if print_failure(plan, &verdict) {
            self.failed.push(verdict.seed);
        }
        for (outcome, count) in verdict.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        let (done, failed) = (self.done, self.failed.len());
        let mut stdout = std::io::stdout();
        // Only the display would suffer.
        let _ = write!(
            stdout,
            "\r{done} of {of} seeds, {failed} failed, last seed {}   ",
            verdict.seed
        );
        let _ = stdout.flush();
    }

    pub(crate) fn print(&self, plan: Plan) {
        let (slowest, slowest_seed) = self.slowest_recovery;
        say!(
            "\r{} seeds, {} failed; {:.1} simulated hours, {} messages, slowest recovery \
             {slowest:?} (seed {slowest_seed})",
            self.done,
            self.failed.len(),
            self.simulated.as_secs_f64() / 3_600.0,
            self.messages,
        );
        let outcomes = self.outcomes.iter();
        let outcomes = outcomes.map(|(outcome, count)| format!("{count} {outcome}"));
        say!("outcomes: {}", outcomes.collect::<Vec<_>>().join(", "));
        let (done, begun) = self.removals;
        say!("lost nodes: {begun}, of which {done} were removed");
        for seed in &self.failed {
            say!("  {}", plan.again(*seed));
        }
    }
}

/// Prints what was violated, and how to see it again; whether there was anything.
pub(crate) fn print_failure(plan: Plan, verdict: &Verdict) -> bool {
    if verdict.violations.is_empty() {
        return false;
    }
    let seed = verdict.seed;
    say!("\nseed {seed} FAILED");
    for violation in &verdict.violations {
        say!("  {violation}");
    }
    say!("  trace {}", verdict.trace);
    say!("  again:      {}", plan.again(seed));
    say!("  in detail:  {} --trace", plan.command(seed));
    true
}
