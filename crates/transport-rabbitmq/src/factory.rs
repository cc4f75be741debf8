use std::sync::Arc;

use raftwire_transport::{ClusterTransport, ClusterTransportFactory, CreateError, TransportSetup};

use crate::{RabbitMQClusterTransport, RabbitMQOptions};

/// Makes [`RabbitMQClusterTransport`]s.
#[derive(Clone, Debug)]
pub struct RabbitMQClusterTransportFactory {
    options: RabbitMQOptions,
}

impl RabbitMQClusterTransportFactory {
    /// A factory whose transports all have these options.
    pub const fn new(options: RabbitMQOptions) -> Self {
        Self { options }
    }
}

impl ClusterTransportFactory for RabbitMQClusterTransportFactory {
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError> {
        let transport = RabbitMQClusterTransport::new(setup, self.options.clone())?;
        Ok(Arc::new(transport))
    }
}
