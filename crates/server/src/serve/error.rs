//! Why a node did not start.

use std::io;

use crate::config::NotClosed;

/// Why a node did not start. Nothing runs after it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Strangers could join.
    #[error(transparent)]
    NotClosed(#[from] NotClosed),
    /// The port cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Host and port.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The node itself.
    #[error(transparent)]
    Node(#[from] raftwire::StartError),
}
