use std::sync::Arc;

use raftwire_transport::{ClusterTransport, ClusterTransportFactory, CreateError, TransportSetup};

use crate::{WsAcceptor, WsClusterTransport, WsOptions};

/// Makes [`WsClusterTransport`]s.
#[derive(Clone, Debug, Default)]
pub struct WsClusterTransportFactory {
    options: WsOptions,
    acceptor: WsAcceptor,
}

impl WsClusterTransportFactory {
    /// A factory whose transports all have these options.
    pub fn new(options: WsOptions) -> Self {
        Self {
            options,
            acceptor: WsAcceptor::default(),
        }
    }

    /// The way to hand upgraded streams to the transport that this factory makes; to the newest if
    /// it makes several.
    pub fn acceptor(&self) -> WsAcceptor {
        self.acceptor.clone()
    }
}

impl ClusterTransportFactory for WsClusterTransportFactory {
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError> {
        let transport = WsClusterTransport::new(setup, self.options.clone())?;
        self.acceptor.set(transport.clone());
        Ok(Arc::new(transport))
    }
}
