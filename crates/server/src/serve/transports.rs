use std::sync::Arc;

use raftwire::{ClusterTransport, ClusterTransportFactory, TransportSetup};
use raftwire_transport::CreateError;
use raftwire_transport_redis::{RedisClusterTransportFactory, RedisConnectionString, RedisOptions};
use raftwire_transport_ws::{WsAcceptor, WsClusterTransportFactory, WsOptions};

use super::ServeError;
use crate::config::ServerOptions;
use crate::tls::PortTls;

/// The transport that the configuration names: the one place that knows them all.
pub(super) struct Transports {
    factory: Box<dyn ClusterTransportFactory>,
    acceptor: WsAcceptor,
}

impl Transports {
    pub(super) fn new(options: &ServerOptions, tls: Option<&PortTls>) -> Result<Self, ServeError> {
        let transport = options.cluster.transport_type.as_str();
        match (transport, &options.redis_connection_string) {
            ("ws", _) => Ok(Self::ws(options, tls)),
            ("redis", Some(string)) => Ok(Self::redis(options, string.clone())),
            _ => Err(ServeError::NoTransport {
                transport: transport.to_owned(),
            }),
        }
    }

    fn redis(options: &ServerOptions, connection: RedisConnectionString) -> Self {
        let factory = RedisClusterTransportFactory::new(RedisOptions {
            tls_authorities: options.redis_tls_authorities.clone(),
            ..RedisOptions::new(connection)
        });
        Self {
            factory: Box::new(factory),
            acceptor: WsAcceptor::default(),
        }
    }

    fn ws(options: &ServerOptions, tls: Option<&PortTls>) -> Self {
        let factory = WsClusterTransportFactory::new(WsOptions {
            // The node's own port takes the connections of its peers too.
            listen: None,
            channel_name: options.cluster.channel_name.clone(),
            tls: tls.and_then(PortTls::nodes).cloned(),
            ..WsOptions::default()
        });
        let acceptor = factory.acceptor();
        Self {
            factory: Box::new(factory),
            acceptor,
        }
    }

    /// Takes the connections of peers that come by the node's port, if any do.
    pub(super) fn acceptor(&self) -> WsAcceptor {
        self.acceptor.clone()
    }
}

impl ClusterTransportFactory for Transports {
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError> {
        self.factory.create_transport(setup)
    }
}
