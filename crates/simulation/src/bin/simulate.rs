//! Runs simulated clusters, a seed each, and says which of them went wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use raftwire_simulation::{Report, Scenario, run};

/// Prints a line. Whoever closes the pipe wants no more of it.
macro_rules! say {
    ($($text:tt)*) => {
        let _ = writeln!(std::io::stdout(), $($text)*);
    };
}

/// A run that takes longer than this hangs: a node is busy without end in one moment of simulated
/// time. A run takes seconds.
const RUN_MAX: Duration = Duration::from_secs(300);

/// Whole clusters in simulated time.
#[derive(Debug, Parser)]
struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 100, value_name = "N")]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1, value_name = "K")]
    first: u64,
    /// One seed only.
    #[arg(long, conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// What is simulated.
    #[arg(long, value_enum, default_value_t = Kind::Drawn)]
    scenario: Kind,
    /// Print what happens, with --seed; what the nodes log goes to standard error, as much of it as
    /// RUST_LOG says.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Threads that run simulations. Default: as many as the machine has.
    #[arg(long)]
    threads: Option<usize>,
}

/// Kinds of scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Everything is drawn from the seed.
    Drawn,
    /// Nodes that crash again and again during elections.
    ElectionStorm,
    /// A network that loses and repeats.
    RepeatingNetwork,
    /// Nodes that reach each other, but not the leader.
    LeaderlessPairs,
    /// Two nodes, cut apart again and again.
    TwoHalves,
    /// Four nodes, cut in the middle again and again.
    FourHalves,
    /// A leader that is killed.
    LeaderKilled,
    /// Nodes that are lost, removed, and come back as new members.
    Removals,
    /// A secret that is exchanged node by node.
    NewSecret,
    /// Disks that are slow, up to hanging for seconds.
    SlowDisks,
}

impl Kind {
    fn scenario(self, seed: u64) -> Scenario {
        match self {
            Kind::Drawn => Scenario::draw(seed),
            Kind::ElectionStorm => Scenario::election_storm(seed),
            Kind::RepeatingNetwork => Scenario::repeating_network(seed),
            Kind::LeaderlessPairs => Scenario::leaderless_pairs(seed),
            Kind::TwoHalves => Scenario::cut_in_half(seed, 2),
            Kind::FourHalves => Scenario::cut_in_half(seed, 4),
            Kind::LeaderKilled => Scenario::leader_killed(seed),
            Kind::Removals => Scenario::removals(seed),
            Kind::NewSecret => Scenario::new_secret(seed),
            Kind::SlowDisks => Scenario::slow_disks(seed),
        }
    }

    /// How to run a seed of this kind again.
    fn again(self, seed: u64) -> String {
        if self == Kind::Drawn {
            return format!("make simulate SEEDS=1 FIRST={seed}");
        }
        self.in_detail(seed)
    }

    /// How to see what happens in a seed of this kind.
    fn in_detail(self, seed: u64) -> String {
        let run = "cargo run --release -p raftwire-simulation --";
        let name = self.to_possible_value().filter(|_| self != Kind::Drawn);
        let scenario = name.map_or(String::new(), |name| {
            format!("--scenario {} ", name.get_name())
        });
        format!("{run} {scenario}--seed {seed} --trace")
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let failed = match options.seed {
        Some(seed) => run_one(options.scenario, seed, options.trace),
        None => run_many(&options),
    };
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Runs one seed and prints its hash; whether it failed.
fn run_one(kind: Kind, seed: u64, traced: bool) -> bool {
    if traced {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .without_time();
        log.with_writer(std::io::stderr).init();
    }
    let scenario = kind.scenario(seed);
    let mut print = |line: &str| {
        say!("{line}");
    };
    let report = run(&scenario, if traced { Some(&mut print) } else { None });
    say!("{}", summary(&report));
    say!("trace {}", report.trace);
    print_failure(kind, &report)
}

fn summary(report: &Report) -> String {
    let Report {
        seed,
        simulated,
        recovery,
        messages,
        last_term,
        packets,
        ..
    } = report;
    let recovery = recovery.map_or("not".to_owned(), |took| format!("in {took:?}"));
    format!(
        "seed {seed}: {simulated:?}, {messages} messages, {} packets, last term {last_term}, \
         longest without a leader {:?}, recovered {recovery}",
        packets.accepted, report.longest_leaderless
    )
}

/// Prints what was violated, and how to see it again; whether there was anything.
fn print_failure(kind: Kind, report: &Report) -> bool {
    if report.violations.is_empty() {
        return false;
    }
    let seed = report.seed;
    say!("\nseed {seed} FAILED");
    for violation in &report.violations {
        say!("  {violation}");
    }
    say!("  again:      {}", kind.again(seed));
    say!("  in detail:  {}", kind.in_detail(seed));
    true
}

/// Runs many seeds on all cores; whether any failed.
fn run_many(options: &Options) -> bool {
    let Options {
        seeds,
        first,
        scenario: kind,
        ..
    } = *options;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or(cores).max(1);
    let next = AtomicU64::new(0);
    let (reports, received) = mpsc::channel();
    let mut tally = Tally::default();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (next, reports) = (&next, reports.clone());
            scope.spawn(move || {
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && number < seeds
                {
                    let report = run(&kind.scenario(first + number), None);
                    if reports.send(report).is_err() {
                        return;
                    }
                }
            });
        }
        drop(reports);
        loop {
            match received.recv_timeout(RUN_MAX) {
                Ok(report) => tally.add(kind, &report, seeds),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    say!(
                        "\nno run has ended for {RUN_MAX:?}: {}",
                        tally.missing(kind, first)
                    );
                    std::process::abort();
                }
            }
        }
    });
    tally.print(kind);
    !tally.failed.is_empty()
}

/// What the runs came to so far.
#[derive(Debug, Default)]
struct Tally {
    done: BTreeSet<u64>,
    failed: Vec<u64>,
    simulated: Duration,
    messages: u64,
    /// With its seed.
    slowest_recovery: (Duration, u64),
    outcomes: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn add(&mut self, kind: Kind, report: &Report, of: u64) {
        self.done.insert(report.seed);
        self.simulated += report.simulated;
        self.messages += report.messages;
        let recovery = (report.recovery.unwrap_or_default(), report.seed);
        self.slowest_recovery = self.slowest_recovery.max(recovery);
        for (outcome, count) in &report.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        if print_failure(kind, report) {
            self.failed.push(report.seed);
        }
        let (done, failed) = (self.done.len(), self.failed.len());
        let mut stdout = std::io::stdout();
        // Only the display would suffer.
        let _ = write!(
            stdout,
            "\r{done} of {of} seeds, {failed} failed, last seed {}   ",
            report.seed
        );
        let _ = stdout.flush();
    }

    /// The first seed that has not ended.
    fn missing(&self, kind: Kind, first: u64) -> String {
        let seed = (first..)
            .find(|seed| !self.done.contains(seed))
            .unwrap_or(first);
        format!("seed {seed} hangs; {}", kind.again(seed))
    }

    fn print(&self, kind: Kind) {
        let Tally {
            done,
            failed,
            simulated,
            messages,
            slowest_recovery,
            ..
        } = self;
        say!(
            "\r{} seeds, {} failed; {:.1} simulated hours, {messages} messages, slowest recovery \
             {:?} (seed {})",
            done.len(),
            failed.len(),
            simulated.as_secs_f64() / 3_600.0,
            slowest_recovery.0,
            slowest_recovery.1
        );
        let outcomes = self
            .outcomes
            .iter()
            .map(|(outcome, count)| format!("{count} {outcome}"));
        say!("outcomes: {}", outcomes.collect::<Vec<_>>().join(", "));
        for seed in failed {
            say!("  {}", kind.again(*seed));
        }
    }
}
