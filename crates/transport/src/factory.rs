use std::sync::Arc;

use raftwire_environment::Environment;
use raftwire_protocol::{NodeAddress, NodeId};

use crate::{ClusterTransport, Lanes};

/// Makes transports. The application chooses one; the library knows only this trait.
pub trait ClusterTransportFactory: Send + Sync {
    /// Makes a transport for one node. Opens nothing yet: [`ClusterTransport::start`] does.
    ///
    /// # Errors
    ///
    /// See [`CreateError`]: the configuration cannot work, and trying again does not help.
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError>;
}

/// What every transport is told about the node that it is for.
#[derive(Clone, Debug)]
pub struct TransportSetup {
    /// Sockets, clock, randomness and tasks.
    pub environment: Environment,
    /// The cluster's name. Where several clusters share a medium, it keeps them apart.
    pub cluster: String,
    /// The node itself.
    pub node: NodeId,
    /// The other nodes that are known from the start, without the node itself. More may appear.
    pub peers: Vec<NodeAddress>,
    /// The lanes that it is for. A transport that serves the other one as well costs connections that
    /// nobody uses, and does no other harm.
    pub lanes: Lanes,
}

/// Why a transport cannot be made of a configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// A peer's address asks for something that this transport does not do.
    #[error("peer {peer}: {reason}")]
    Peer {
        /// The address as it was configured.
        peer: String,
        /// What is wrong, and what to write instead.
        reason: String,
    },
    /// An option has a value that cannot work.
    #[error("option {option}: {reason}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What is wrong, and what to write instead.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trait_stays_dyn_compatible() {
        fn _accepts(_: &dyn ClusterTransportFactory) {}
    }
}
