//! One metric with all its series.

use super::Figures;
use super::exposition::Samples;

/// What a value means over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from 0 at the start of the process.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How long something took: counters by the longest time that they count, their number and their
    /// sum.
    Histogram,
}

impl Kind {
    /// The word in the text format.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// One metric with all its series.
#[derive(Debug)]
pub struct Family {
    /// Its name, with its unit at the end, and `_total` after that where it is a counter.
    pub name: &'static str,
    /// What its values mean over time.
    pub kind: Kind,
    /// One sentence.
    pub help: &'static str,
    /// The labels that tell its series apart.
    pub labels: &'static [&'static str],
    pub(super) samples: fn(&Figures<'_>, &mut Samples<'_>),
}
