//! Which transport carries the cluster.

use std::sync::{Arc, Mutex, PoisonError};

use raftwire::{ClusterTransport, ClusterTransportFactory, TransportSetup};
use raftwire_transport::CreateError;
use raftwire_transport_ws::{WsAcceptor, WsOptions};

use crate::config::ServerOptions;

/// Makes the transport that the options name, and keeps what takes upgraded streams.
#[derive(Debug)]
pub(super) struct ServerTransports {
    options: WsOptions,
    acceptor: Mutex<Option<WsAcceptor>>,
}

impl ServerTransports {
    pub(super) fn new(options: &ServerOptions) -> ServerTransports {
        let options = WsOptions {
            // The node's own port takes the connections of peers too.
            listen: None,
            channel_name: options.cluster.channel_name.clone(),
            ..WsOptions::default()
        };
        ServerTransports {
            options,
            acceptor: Mutex::default(),
        }
    }

    /// What takes upgraded streams, once the transport has been made.
    pub(super) fn acceptor(&self) -> Option<WsAcceptor> {
        self.acceptor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ClusterTransportFactory for ServerTransports {
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError> {
        let transport =
            raftwire_transport_ws::WsClusterTransport::new(setup, self.options.clone())?;
        let acceptor = transport.acceptor();
        *self.acceptor.lock().unwrap_or_else(PoisonError::into_inner) = Some(acceptor);
        Ok(Arc::new(transport))
    }
}
