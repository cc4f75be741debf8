use std::sync::Arc;

use raftwire_transport::broker::BrokerTransport;
use raftwire_transport::{ClusterTransport, ClusterTransportFactory, CreateError, TransportSetup};

use crate::RabbitMQOptions;
use crate::session::RabbitMQClient;

/// Makes transports that carry packets between nodes over RabbitMQ.
#[derive(Clone, Debug)]
pub struct RabbitMQClusterTransportFactory {
    options: RabbitMQOptions,
}

impl RabbitMQClusterTransportFactory {
    /// A factory whose transports all have these options.
    pub const fn new(options: RabbitMQOptions) -> Self {
        Self { options }
    }

    /// Makes a transport that can be asked what it has counted; nothing is opened yet. Addresses of
    /// peers are not used: on a broker a name is enough. Reads the file of authorities, if one is
    /// given.
    ///
    /// # Errors
    ///
    /// If an option cannot work.
    pub fn transport(&self, setup: TransportSetup) -> Result<BrokerTransport, CreateError> {
        let options = self.options.clone();
        let channels = options.channels.clone();
        let waits = options.connection.waits_for_broker();
        let client = RabbitMQClient::new(options, &setup.cluster, &setup.environment)?;
        BrokerTransport::new(setup, channels, Arc::new(client), waits)
    }
}

impl ClusterTransportFactory for RabbitMQClusterTransportFactory {
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError> {
        Ok(Arc::new(self.transport(setup)?))
    }
}
