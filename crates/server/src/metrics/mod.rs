//! The library's figures in Prometheus' text format.
//!
//! [`families()`] is the one list of what is told: names, help, labels and values. `docs/metrics.md`
//! is compared with it by a test.

mod exposition;
mod families;
mod family;

pub use exposition::{CONTENT_TYPE, exposition};
pub use families::families;
pub use family::{Family, Kind};
