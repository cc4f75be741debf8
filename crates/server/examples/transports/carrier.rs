//! What can carry the traffic, and the broker of it.

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use raftwire::{ClusterTransportFactory, Timings};
use raftwire_environment::Environment;
use raftwire_transport_rabbitmq::{RabbitMQClusterTransportFactory, RabbitMQOptions};
use raftwire_transport_redis::{RedisClusterTransportFactory, RedisOptions};
use raftwire_transport_ws::{WsClusterTransportFactory, WsOptions};

use crate::rabbitmq_server::RabbitMQServer;
use crate::redis_server::RedisServer;
use crate::{bare_rabbitmq, bare_redis};

const WARM_UP: Duration = Duration::from_secs(1);
const LENGTH: Duration = Duration::from_secs(4);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Ws,
    Redis,
    RabbitMQ,
}

impl Carrier {
    pub(crate) const ALL: [Carrier; 3] = [Carrier::Ws, Carrier::Redis, Carrier::RabbitMQ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Carrier::Ws => "ws",
            Carrier::Redis => "redis",
            Carrier::RabbitMQ => "rabbitmq",
        }
    }

    pub(crate) const fn timings(self) -> Timings {
        match self {
            Carrier::Ws => Timings::direct(),
            Carrier::Redis | Carrier::RabbitMQ => Timings::broker(),
        }
    }
}

impl FromStr for Carrier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut known = Carrier::ALL.into_iter();
        let found = known.find(|carrier| carrier.name() == text);
        found.ok_or_else(|| format!("{text}: must be ws, redis, rabbitmq or rounds=5"))
    }
}

/// A private broker.
pub(crate) enum Broker {
    Redis(RedisServer),
    RabbitMQ(RabbitMQServer),
}

impl Broker {
    pub(crate) fn start(carrier: Carrier) -> Option<Broker> {
        match carrier {
            Carrier::Ws => None,
            Carrier::Redis => Some(Broker::Redis(RedisServer::start())),
            Carrier::RabbitMQ => Some(Broker::RabbitMQ(RabbitMQServer::start())),
        }
    }

    pub(crate) fn kill(&mut self) {
        match self {
            Broker::Redis(server) => server.kill(),
            Broker::RabbitMQ(server) => server.kill(),
        }
    }

    /// Starts it again, and returns when it answers.
    pub(crate) fn restart(&mut self) {
        match self {
            Broker::Redis(server) => server.restart(),
            Broker::RabbitMQ(server) => server.restart(),
        }
    }

    /// Packets of this size that a bare publisher and a bare subscriber pass on by this broker in a
    /// second.
    pub(crate) async fn bare(
        &self,
        environment: &Environment,
        packet_bytes: usize,
    ) -> Result<f64, Box<dyn Error>> {
        match self {
            Broker::Redis(server) => {
                bare_redis::measure(environment, server.port, packet_bytes).await
            }
            Broker::RabbitMQ(server) => {
                let address = format!("127.0.0.1:{}", server.port);
                let own_thread = environment.executor("bare pair");
                let measured = own_thread.spawn("bare pair", async move {
                    // Each packet is a message.
                    bare_rabbitmq::measure(&address, packet_bytes, 0, WARM_UP, LENGTH)
                });
                Ok(measured.await?.map_err(|error| error.to_string())?)
            }
        }
    }
}

/// What makes the transport of a node that listens on this port, where nodes listen.
pub(crate) fn factory(
    carrier: Carrier,
    broker: Option<&Broker>,
    port: u16,
) -> Result<Arc<dyn ClusterTransportFactory>, Box<dyn Error>> {
    match (carrier, broker) {
        (Carrier::Ws, _) => Ok(Arc::new(WsClusterTransportFactory::new(WsOptions {
            listen: Some(("127.0.0.1".to_owned(), port)),
            ..WsOptions::default()
        }))),
        (Carrier::Redis, Some(Broker::Redis(server))) => {
            let options = RedisOptions::new(server.url().parse()?);
            Ok(Arc::new(RedisClusterTransportFactory::new(options)))
        }
        (Carrier::RabbitMQ, Some(Broker::RabbitMQ(server))) => {
            let options = RabbitMQOptions::new(server.url().parse()?);
            Ok(Arc::new(RabbitMQClusterTransportFactory::new(options)))
        }
        (Carrier::Redis | Carrier::RabbitMQ, _) => Err("no broker".into()),
    }
}
