//! What a run came to, as one process tells it to another.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use raftwire_simulation::Report;

/// The part of a report that a batch of runs is interested in.
///
/// As text it is lines of a key and a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) seed: u64,
    pub(crate) simulated: Duration,
    pub(crate) recovery: Option<Duration>,
    pub(crate) messages: u64,
    pub(crate) outcomes: BTreeMap<String, u64>,
    pub(crate) removals_begun: usize,
    pub(crate) removals_done: usize,
    /// The hash of everything that happened.
    pub(crate) trace: String,
    /// What was violated; empty if all went well.
    pub(crate) violations: Vec<String>,
}

impl From<&Report> for Verdict {
    fn from(report: &Report) -> Verdict {
        let outcomes = report.outcomes.iter();
        Verdict {
            seed: report.seed,
            simulated: report.simulated,
            recovery: report.recovery,
            messages: report.messages,
            outcomes: outcomes
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
            removals_begun: report.removals_begun,
            removals_done: report.removals_done,
            trace: report.trace.to_string(),
            violations: report
                .violations
                .iter()
                .map(|violation| in_one_line(&violation.to_string()))
                .collect(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "simulated_ns {}", self.simulated.as_nanos())?;
        if let Some(recovery) = self.recovery {
            writeln!(f, "recovery_ns {}", recovery.as_nanos())?;
        }
        writeln!(f, "messages {}", self.messages)?;
        for (name, count) in &self.outcomes {
            writeln!(f, "outcome {name} {count}")?;
        }
        writeln!(f, "removals_begun {}", self.removals_begun)?;
        writeln!(f, "removals_done {}", self.removals_done)?;
        writeln!(f, "trace {}", self.trace)?;
        for violation in &self.violations {
            writeln!(f, "violation {}", violation)?;
        }
        // A process that ended before this line has not said all.
        writeln!(f, "complete")
    }
}

/// A panic says more than one.
fn in_one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" | ")
}

/// The text is no whole verdict.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Incomplete;

impl FromStr for Verdict {
    type Err = Incomplete;

    fn from_str(text: &str) -> Result<Verdict, Incomplete> {
        let mut verdict = Verdict::default();
        let nanos = |value: &str| value.parse().map(Duration::from_nanos);
        for line in text.lines() {
            if line == "complete" {
                return Ok(verdict);
            }
            let (key, value) = line.split_once(' ').ok_or(Incomplete)?;
            let incomplete = |_| Incomplete;
            match key {
                "seed" => verdict.seed = value.parse().map_err(incomplete)?,
                "simulated_ns" => verdict.simulated = nanos(value).map_err(incomplete)?,
                "recovery_ns" => verdict.recovery = Some(nanos(value).map_err(incomplete)?),
                "messages" => verdict.messages = value.parse().map_err(incomplete)?,
                "outcome" => {
                    let (name, count) = value.split_once(' ').ok_or(Incomplete)?;
                    let count = count.parse().map_err(incomplete)?;
                    verdict.outcomes.insert(name.to_owned(), count);
                }
                "removals_begun" => verdict.removals_begun = value.parse().map_err(incomplete)?,
                "removals_done" => verdict.removals_done = value.parse().map_err(incomplete)?,
                "trace" => value.clone_into(&mut verdict.trace),
                "violation" => verdict.violations.push(value.to_owned()),
                _ => return Err(Incomplete),
            }
        }
        Err(Incomplete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict() -> Verdict {
        Verdict {
            seed: 7,
            simulated: Duration::from_millis(35_005),
            recovery: Some(Duration::from_micros(1_234_567)),
            messages: 4_000,
            outcomes: [("delivered".to_owned(), 3_000), ("busy".to_owned(), 1)].into(),
            removals_begun: 2,
            removals_done: 1,
            trace: "4ff1".to_owned(),
            violations: vec![
                "1.200 s: leases: two lines".to_owned(),
                "no panic".to_owned(),
            ],
        }
    }

    #[test]
    fn a_verdict_is_read_as_it_was_written() {
        let unrecovered = Verdict {
            recovery: None,
            violations: Vec::new(),
            ..verdict()
        };
        for verdict in [verdict(), unrecovered] {
            assert_eq!(verdict.to_string().parse(), Ok(verdict));
        }
    }

    #[test]
    fn a_panic_of_several_lines_is_one_violation() {
        assert_eq!(
            in_one_line("panicked:\n  left: 1\n  right: 2"),
            "panicked: | left: 1 | right: 2"
        );
        let verdict = Verdict {
            violations: vec![in_one_line("panicked:\ncomplete")],
            ..verdict()
        };
        assert_eq!(verdict.to_string().parse(), Ok(verdict));
    }

    #[test]
    fn a_verdict_that_was_cut_off_is_none() {
        let text = verdict().to_string();
        for length in 0..text.len() - 1 {
            assert_eq!(text[..length].parse::<Verdict>(), Err(Incomplete));
        }
    }
}
