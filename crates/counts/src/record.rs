//! Counts, and what they depend on, as text.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

const COMPILER: &str = "compiler";
const MACHINE: &str = "machine";

/// What each path costs, and under which compiler and on what machine that was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// What `rustc --version` says.
    pub(crate) compiler: String,
    /// See [`machine`].
    pub(crate) machine: String,
    /// Instructions a message, by the names of the paths.
    pub(crate) counts: BTreeMap<String, u64>,
}

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidRecord {
    /// A line that says nothing.
    #[error(
        "{line:?} is neither a name with a number nor the compiler nor the machine; `make counts` writes it anew"
    )]
    Line {
        /// The line.
        line: String,
    },
    /// Nothing is said of what counts depend on.
    #[error("the record says no {0}; `make counts` writes it anew")]
    Missing(&'static str),
}

/// What the code that runs depends on: the architecture, and whether the C library and whoever else asks finds AVX2.
/// Under valgrind that is the machine that valgrind makes, which is the same wherever the real one has AVX2.
pub(crate) fn machine() -> String {
    #[cfg(target_arch = "x86_64")]
    let more = if std::arch::is_x86_feature_detected!("avx2") {
        " with AVX2"
    } else {
        ""
    };
    #[cfg(not(target_arch = "x86_64"))]
    let more = "";
    format!("{}{more}", std::env::consts::ARCH)
}

impl Record {
    /// Nothing yet, by this program's compiler.
    pub(crate) fn here() -> Record {
        Record {
            compiler: env!("COMPILER").to_owned(),
            machine: String::new(),
            counts: BTreeMap::new(),
        }
    }

    /// The architecture of the machine.
    pub(crate) fn architecture(&self) -> &str {
        self.machine.split(' ').next().unwrap_or_default()
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Instructions a message. `make counts` writes this; CONTRIBUTING.md says how to read it."
        )?;
        writeln!(f, "{COMPILER} {}", self.compiler)?;
        writeln!(f, "{MACHINE} {}", self.machine)?;
        self.counts
            .iter()
            .try_for_each(|(name, count)| writeln!(f, "{name} {count}"))
    }
}

impl FromStr for Record {
    type Err = InvalidRecord;

    fn from_str(text: &str) -> Result<Record, InvalidRecord> {
        let (mut compiler, mut machine, mut counts) = (None, None, BTreeMap::new());
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            match line.split_once(' ') {
                Some((COMPILER, said)) => compiler = Some(said.to_owned()),
                Some((MACHINE, said)) => machine = Some(said.to_owned()),
                other => {
                    let count = other.and_then(|(name, count)| Some((name, count.parse().ok()?)));
                    let line = || InvalidRecord::Line {
                        line: line.to_owned(),
                    };
                    let (name, count) = count.ok_or_else(line)?;
                    counts.insert(name.to_owned(), count);
                }
            }
        }
        Ok(Record {
            compiler: compiler.ok_or(InvalidRecord::Missing(COMPILER))?,
            machine: machine.ok_or(InvalidRecord::Missing(MACHINE))?,
            counts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let record = Record {
            compiler: "rustc 1.95.0 (59807616e 2026-04-14)".to_owned(),
            machine: "x86_64 with AVX2".to_owned(),
            counts: [("decode".to_owned(), 123), ("route".to_owned(), 4_567)].into(),
        };
        assert_eq!(record.to_string().parse(), Ok(record.clone()));
        assert_eq!(record.architecture(), "x86_64");
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let said = "compiler rustc\nmachine x86_64\n";
        let broken = format!("{said}decode 12x\n");
        let line = "decode 12x".to_owned();
        assert_eq!(broken.parse::<Record>(), Err(InvalidRecord::Line { line }));
        assert_eq!(
            "compiler rustc\n".parse::<Record>(),
            Err(InvalidRecord::Missing(MACHINE))
        );
    }
}
