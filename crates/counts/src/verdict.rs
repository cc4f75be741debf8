//! Whether counts are as recorded.

use std::fmt::{self, Write as _};

use crate::record::Record;

/// How far counts of the same code may be apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    /// The same compiler made the code, for the same machine. What is left is the C library and the C compiler, and
    /// code that is inlined elsewhere because of a change somewhere else: both stay far below an allocation or a copy
    /// on the short paths. Fewer instructions are a gain to record, or the next regression has room to hide in it.
    Same,
    /// Another compiler, or a machine without what the recorded one has: versions of Rust differ by some percent, so
    /// only more than what they explain is a regression.
    OtherCode,
    /// Other instructions, which do more or less each: only a way that has become another one is seen.
    OtherArchitecture,
}

impl Comparison {
    fn of(counted: &Record, recorded: &Record) -> Comparison {
        if counted.architecture() != recorded.architecture() {
            Comparison::OtherArchitecture
        } else if (&counted.compiler, &counted.machine) != (&recorded.compiler, &recorded.machine) {
            Comparison::OtherCode
        } else {
            Comparison::Same
        }
    }

    /// Percent that a path may take more.
    fn more_max(self) -> f64 {
        match self {
            Comparison::Same => 5.0,
            Comparison::OtherCode => 25.0,
            Comparison::OtherArchitecture => 100.0,
        }
    }

    /// Percent that a path may take less. `None`: what other code takes less is no gain.
    fn less_max(self) -> Option<f64> {
        (self == Comparison::Same).then_some(5.0)
    }
}

/// What is not as recorded.
#[derive(Clone, Debug, PartialEq)]
enum Deviation {
    Regression {
        path: String,
        counted: u64,
        recorded: u64,
        more_max: f64,
    },
    Gain {
        path: String,
        counted: u64,
        recorded: u64,
        less_max: f64,
    },
    NotRecorded {
        path: String,
    },
    NotCounted {
        path: String,
    },
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deviation::Regression {
                path,
                counted,
                recorded,
                more_max,
            } => {
                let more = change(*counted, *recorded);
                write!(
                    f,
                    "{path}: {counted} instructions a message, {recorded} are recorded: {more:+.1} %, over the {more_max} % that it may be more"
                )
            }
            Deviation::Gain {
                path,
                counted,
                recorded,
                less_max,
            } => {
                let less = change(*counted, *recorded);
                write!(
                    f,
                    "{path}: {counted} instructions a message, {recorded} are recorded: {less:+.1} %, a gain of over {less_max} % to be recorded"
                )
            }
            Deviation::NotRecorded { path } => write!(f, "{path}: is not recorded"),
            Deviation::NotCounted { path } => {
                write!(f, "{path}: is recorded, and there is no such path")
            }
        }
    }
}

/// By how many percent it is more than recorded.
pub(crate) fn change(counted: u64, recorded: u64) -> f64 {
    100.0 * (counted as f64 - recorded as f64) / (recorded as f64).max(1.0)
}

/// Whether counts are as recorded.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    comparison: Comparison,
    recorded: (String, String),
    deviations: Vec<Deviation>,
}

/// Counts that are not as recorded, a line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the counts are not as recorded\n{0}If that is meant, `make counts` records it. Where instructions go: callgrind_annotate target/release/counts.callgrind/PATH.out"
)]
pub(crate) struct Deviating(String);

impl Verdict {
    pub(crate) fn of(counted: &Record, recorded: &Record) -> Verdict {
        let comparison = Comparison::of(counted, recorded);
        let judged = counted.counts.iter().filter_map(|(path, count)| {
            let before = recorded.counts.get(path).copied();
            deviation(comparison, path, *count, before)
        });
        let gone = recorded
            .counts
            .keys()
            .filter(|path| !counted.counts.contains_key(*path));
        let gone = gone.map(|path| Deviation::NotCounted { path: path.clone() });
        Verdict {
            comparison,
            recorded: (recorded.compiler.clone(), recorded.machine.clone()),
            deviations: judged.chain(gone).collect(),
        }
    }

    /// What was compared with what, and how closely.
    pub(crate) fn comparison(&self) -> String {
        let (compiler, machine) = &self.recorded;
        let more_max = self.comparison.more_max();
        match self.comparison.less_max() {
            Some(less_max) => format!(
                "compared with the record of the same compiler: +{more_max} % and -{less_max} % are let pass"
            ),
            None => format!(
                "compared with the record of another one, {compiler} on {machine}: +{more_max} % are let pass, and everything less"
            ),
        }
    }

    pub(crate) fn into_result(self) -> Result<(), Deviating> {
        if self.deviations.is_empty() {
            return Ok(());
        }
        let mut lines = String::new();
        for deviation in &self.deviations {
            // A string takes everything.
            let _ = writeln!(lines, "  {deviation}");
        }
        Err(Deviating(lines))
    }
}

fn deviation(
    comparison: Comparison,
    path: &str,
    counted: u64,
    recorded: Option<u64>,
) -> Option<Deviation> {
    let path = path.to_owned();
    let Some(recorded) = recorded else {
        return Some(Deviation::NotRecorded { path });
    };
    let (more_max, less_max) = (comparison.more_max(), comparison.less_max());
    let change = change(counted, recorded);
    if change > more_max {
        return Some(Deviation::Regression {
            path,
            counted,
            recorded,
            more_max,
        });
    }
    let less_max = less_max.filter(|less_max| change < -less_max)?;
    Some(Deviation::Gain {
        path,
        counted,
        recorded,
        less_max,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPILER: &str = "rustc 1.95.0";
    const MACHINE: &str = "x86_64 with AVX2";

    fn record((compiler, machine): (&str, &str), counts: &[(&str, u64)]) -> Record {
        Record {
            compiler: compiler.to_owned(),
            machine: machine.to_owned(),
            counts: (counts
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count)))
            .collect(),
        }
    }

    /// What is said of so many instructions where 1,000 are recorded.
    fn judged(here: (&str, &str), count: u64) -> Result<(), String> {
        let recorded = record((COMPILER, MACHINE), &[("route", 1_000)]);
        let verdict = Verdict::of(&record(here, &[("route", count)]), &recorded);
        verdict
            .into_result()
            .map_err(|deviating| deviating.to_string())
    }

    #[test]
    fn a_regression_is_named_with_both_counts() {
        let same = (COMPILER, MACHINE);
        assert_eq!(judged(same, 1_050), Ok(()));
        let said = judged(same, 1_051).expect_err("it is over 5 %");
        let expected = "route: 1051 instructions a message, 1000 are recorded: +5.1 %";
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn a_gain_is_to_be_recorded() {
        let same = (COMPILER, MACHINE);
        assert_eq!(judged(same, 950), Ok(()));
        let said = judged(same, 949).expect_err("it is a gain");
        assert!(
            said.contains("-5.1 %") && said.contains("make counts"),
            "{said}"
        );
    }

    #[test]
    fn code_of_another_compiler_may_take_a_quarter_more_and_whatever_less() {
        for other in [("rustc 1.96.0", MACHINE), (COMPILER, "x86_64")] {
            assert_eq!(judged(other, 1_250), Ok(()));
            assert_eq!(judged(other, 100), Ok(()));
            assert!(judged(other, 1_251).is_err());
        }
    }

    #[test]
    fn on_another_architecture_a_path_takes_at_most_twice_as_much() {
        let other = (COMPILER, "aarch64");
        assert_eq!(judged(other, 2_000), Ok(()));
        assert!(judged(other, 2_001).is_err());
    }

    #[test]
    fn the_record_has_the_paths_that_there_are() {
        let same = (COMPILER, MACHINE);
        let verdict = Verdict::of(&record(same, &[("new", 1)]), &record(same, &[("old", 1)]));
        let said = verdict.into_result().expect_err("neither fits").to_string();
        assert!(said.contains("new: is not recorded"), "{said}");
        assert!(
            said.contains("old: is recorded, and there is no such path"),
            "{said}"
        );
    }
}
