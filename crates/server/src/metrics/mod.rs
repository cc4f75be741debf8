//! The figures of a node in Prometheus' text format: the library's, and what the server counts of its
//! clients.
//!
//! [`families()`] is the one list of what is told: names, help, labels and values. `docs/metrics.md`
//! is compared with it by a test.

mod clients;
mod exposition;
mod families;
mod family;
mod figures;
mod histogram;
mod hook;

pub use exposition::CONTENT_TYPE;
pub use families::families;
pub use family::{Family, Kind};

pub(crate) use clients::{ClientCounters, Ending};
pub(crate) use exposition::exposition;
pub(crate) use figures::Figures;
pub(crate) use histogram::Histogram;
pub(crate) use hook::{HookCounters, HookFailure};
