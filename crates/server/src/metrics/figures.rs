//! Everything that is told, at one moment.

use raftwire::ClusterMetrics;

use super::{ClientCounters, HookCounters};

/// Everything that is told, at one moment: the library's figures, and the server's own.
#[derive(Debug)]
pub(crate) struct Figures<'a> {
    pub(crate) cluster: ClusterMetrics,
    pub(crate) clients: &'a ClientCounters,
    pub(crate) hook: &'a HookCounters,
}
