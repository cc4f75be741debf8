//! One place to find the node in an application that has no other.

use std::sync::OnceLock;

use crate::ClusterManager;

static MANAGER: OnceLock<ClusterManager> = OnceLock::new();

/// Holds the process's manager: set once, read anywhere. Nothing inside the library reads it; an
/// application that passes its [`ClusterManager`] around does not need it.
#[derive(Clone, Copy, Debug)]
pub struct GlobalClusterCenter;

/// A manager was set before; the one that was refused is handed back.
#[derive(Debug, thiserror::Error)]
#[error("the global cluster manager is set already, and stays as it is")]
pub struct AlreadySet(pub ClusterManager);

impl GlobalClusterCenter {
    /// Sets the process's manager.
    ///
    /// # Errors
    /// [`AlreadySet`] from the second call on.
    pub fn set(manager: ClusterManager) -> Result<(), AlreadySet> {
        MANAGER.set(manager).map_err(AlreadySet)
    }

    /// The process's manager, once it is set.
    pub fn manager() -> Option<&'static ClusterManager> {
        MANAGER.get()
    }
}
