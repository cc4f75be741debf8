use std::sync::Arc;

use raftwire::{
    ClusterTransport, ClusterTransportFactory, Lane, SplitClusterTransportFactory, TransportSetup,
};
use raftwire_transport::CreateError;
use raftwire_transport_rabbitmq::{RabbitMQClusterTransportFactory, RabbitMQOptions};
use raftwire_transport_redis::{RedisClusterTransportFactory, RedisOptions};
use raftwire_transport_ws::{WsAcceptor, WsClusterTransportFactory, WsOptions};

use super::ServeError;
use crate::config::ServerOptions;
use crate::tls::PortTls;

/// The transports that the configuration names: the one place that knows them all.
pub(super) struct Transports {
    factory: Arc<dyn ClusterTransportFactory>,
    acceptor: WsAcceptor,
}

impl Transports {
    pub(super) fn new(options: &ServerOptions, tls: Option<&PortTls>) -> Result<Self, ServeError> {
        let ws = ws(options, tls);
        let acceptor = ws.acceptor();
        let ws: Arc<dyn ClusterTransportFactory> = Arc::new(ws);
        let of_lane = |lane| {
            let transport = options.cluster.transport_of(lane);
            let factory: Option<Arc<dyn ClusterTransportFactory>> = match transport {
                "ws" => Some(Arc::clone(&ws)),
                "redis" => redis(options),
                "rabbitmq" => rabbitmq(options),
                _ => None,
            };
            factory.ok_or_else(|| ServeError::NoTransport {
                lane,
                transport: transport.to_owned(),
            })
        };
        let control = of_lane(Lane::Control)?;
        let factory = if options.is_split() {
            let data = of_lane(Lane::Data)?;
            Arc::new(SplitClusterTransportFactory::new(control, data))
        } else {
            control
        };
        Ok(Self { factory, acceptor })
    }

    /// Takes the connections of peers that come by the node's port, if any do.
    pub(super) fn acceptor(&self) -> WsAcceptor {
        self.acceptor.clone()
    }
}

/// `None`: no server is named.
fn redis(options: &ServerOptions) -> Option<Arc<dyn ClusterTransportFactory>> {
    let connection = options.redis_connection_string.clone()?;
    Some(Arc::new(RedisClusterTransportFactory::new(RedisOptions {
        tls_authorities: options.redis_tls_authorities.clone(),
        ..RedisOptions::new(connection)
    })))
}

/// `None`: no broker is named.
fn rabbitmq(options: &ServerOptions) -> Option<Arc<dyn ClusterTransportFactory>> {
    let connection = options.rabbitmq_connection_string.clone()?;
    let options = RabbitMQOptions {
        tls_authorities: options.rabbitmq_tls_authorities.clone(),
        // What is older than an election is of one that is over.
        control_ttl: options.cluster.timings.election_min,
        ..RabbitMQOptions::new(connection)
    };
    Some(Arc::new(RabbitMQClusterTransportFactory::new(options)))
}

fn ws(options: &ServerOptions, tls: Option<&PortTls>) -> WsClusterTransportFactory {
    WsClusterTransportFactory::new(WsOptions {
        // The node's own port takes the connections of its peers too.
        listen: None,
        channel_name: options.cluster.channel_name.clone(),
        tls: tls.and_then(PortTls::nodes).cloned(),
        ..WsOptions::default()
    })
}

impl ClusterTransportFactory for Transports {
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError> {
        self.factory.create_transport(setup)
    }
}
