//! What an invariant says when it does not hold.

use std::fmt;
use std::time::Duration;

/// Violations of a run that are kept; after the first the rest is mostly its consequence.
const VIOLATIONS_MAX: usize = 20;

/// Something that must never happen has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When, in simulated time.
    pub at: Duration,
    /// Which invariant.
    pub invariant: &'static str,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation {
            at,
            invariant,
            what,
        } = self;
        write!(f, "{:.3} s: {invariant}: {what}", at.as_secs_f64())
    }
}

/// The violations of a run.
#[derive(Clone, Debug, Default)]
pub struct Violations {
    found: Vec<Violation>,
}

impl Violations {
    /// Notes one.
    pub fn add(&mut self, at: Duration, invariant: &'static str, what: String) {
        if self.found.len() < VIOLATIONS_MAX {
            self.found.push(Violation {
                at,
                invariant,
                what,
            });
        }
    }

    /// Whether nothing was violated.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them, in the order in which they were found.
    pub fn into_vec(self) -> Vec<Violation> {
        self.found
    }
}
