//! What can carry the traffic, and the broker of it.

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;

use raftwire::{ClusterTransportFactory, Timings};
use raftwire_environment::Environment;
use raftwire_transport_redis::{RedisClusterTransportFactory, RedisOptions};
use raftwire_transport_ws::{WsClusterTransportFactory, WsOptions};

use crate::bare_redis;
use crate::redis_server::RedisServer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Ws,
    Redis,
}

impl Carrier {
    pub(crate) const ALL: [Carrier; 2] = [Carrier::Ws, Carrier::Redis];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Carrier::Ws => "ws",
            Carrier::Redis => "redis",
        }
    }

    pub(crate) const fn timings(self) -> Timings {
        match self {
            Carrier::Ws => Timings::direct(),
            Carrier::Redis => Timings::broker(),
        }
    }
}

impl FromStr for Carrier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut known = Carrier::ALL.into_iter();
        let found = known.find(|carrier| carrier.name() == text);
        found.ok_or_else(|| format!("{text}: must be ws, redis or rounds=5"))
    }
}

/// A private broker.
pub(crate) enum Broker {
    Redis(RedisServer),
}

impl Broker {
    pub(crate) fn start(carrier: Carrier) -> Option<Broker> {
        match carrier {
            Carrier::Ws => None,
            Carrier::Redis => Some(Broker::Redis(RedisServer::start())),
        }
    }

    pub(crate) fn kill(&mut self) {
        match self {
            Broker::Redis(server) => server.kill(),
        }
    }

    /// Starts it again, and returns when it answers.
    pub(crate) fn restart(&mut self) {
        match self {
            Broker::Redis(server) => server.restart(),
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
        (Carrier::Redis, None) => Err("no broker".into()),
    }
}
