use std::sync::Arc;

use raftwire_transport::{ClusterTransport, ClusterTransportFactory, CreateError, TransportSetup};

use crate::{RedisClusterTransport, RedisOptions};

/// Makes [`RedisClusterTransport`]s.
#[derive(Clone, Debug)]
pub struct RedisClusterTransportFactory {
    options: RedisOptions,
}

impl RedisClusterTransportFactory {
    /// A factory whose transports all have these options.
    pub const fn new(options: RedisOptions) -> Self {
        Self { options }
    }
}

impl ClusterTransportFactory for RedisClusterTransportFactory {
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError> {
        let transport = RedisClusterTransport::new(setup, self.options.clone())?;
        Ok(Arc::new(transport))
    }
}
