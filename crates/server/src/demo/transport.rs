//! What carries the traffic between the nodes of a demonstration.

use std::str::FromStr;

use raftwire::Timings;
use raftwire_transport_rabbitmq::RabbitMQConnectionString;
use raftwire_transport_redis::RedisConnectionString;

use super::DemoOptions;
use crate::config::timings_of;

/// What carries the traffic between the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DemoTransport {
    /// WebSocket, from node to node.
    #[default]
    Ws,
    /// A Redis server.
    Redis,
    /// A RabbitMQ broker.
    RabbitMQ,
}

impl DemoTransport {
    /// Its name as `transport_type`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Redis => "redis",
            Self::RabbitMQ => "rabbitmq",
        }
    }

    /// The variable that tells a node its broker, where there is one.
    pub(super) const fn variable(self) -> Option<&'static str> {
        match self {
            Self::Ws => None,
            Self::Redis => Some("RAFTWIRE_REDIS_CONNECTION_STRING"),
            Self::RabbitMQ => Some("RAFTWIRE_RABBITMQ_CONNECTION_STRING"),
        }
    }

    pub(super) fn timings(self) -> Timings {
        timings_of(self.name())
    }
}

/// Not a transport.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be ws, redis or rabbitmq")]
pub struct UnknownTransport;

impl FromStr for DemoTransport {
    type Err = UnknownTransport;

    fn from_str(text: &str) -> Result<Self, UnknownTransport> {
        let known = [Self::Ws, Self::Redis, Self::RabbitMQ];
        let mut known = known.into_iter().filter(|it| it.name() == text);
        known.next().ok_or(UnknownTransport)
    }
}

/// A connection string that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnfitConnection {
    /// There is no broker.
    #[error(
        "--connection-string names a broker, and the nodes speak WebSocket: add --transport redis or rabbitmq"
    )]
    NoBroker,
    /// It does not name one.
    #[error("--connection-string: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
}

impl DemoOptions {
    /// Checks what the command line cannot.
    ///
    /// # Errors
    /// See [`UnfitConnection`].
    pub fn check(&self) -> Result<(), UnfitConnection> {
        let Some(text) = &self.connection_string else {
            return Ok(());
        };
        match self.transport {
            DemoTransport::Ws => Err(UnfitConnection::NoBroker),
            DemoTransport::Redis => check::<RedisConnectionString>(text),
            DemoTransport::RabbitMQ => check::<RabbitMQConnectionString>(text),
        }
    }
}

fn check<T: FromStr<Err: ToString>>(text: &str) -> Result<(), UnfitConnection> {
    match text.parse::<T>() {
        Ok(_) => Ok(()),
        Err(error) => Err(UnfitConnection::Malformed {
            reason: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(transport: &str, connection: &str) -> DemoOptions {
        DemoOptions {
            stay: false,
            clients: 6,
            transport: transport.parse().unwrap(),
            connection_string: Some(connection.to_owned()),
        }
    }

    #[test]
    fn connection_string_must_fit_the_transport() {
        assert_eq!(options("redis", "redis://cache:6379").check(), Ok(()));
        assert_eq!(options("rabbitmq", "amqp://mq:5672").check(), Ok(()));
        let refused = options("rabbitmq", "redis://cache:6379").check();
        assert!(matches!(refused, Err(UnfitConnection::Malformed { .. })));
        let refused = options("redis", "cache:6379,pasword=x").check();
        assert!(matches!(refused, Err(UnfitConnection::Malformed { .. })));
        let refused = options("ws", "redis://cache:6379").check();
        assert_eq!(refused, Err(UnfitConnection::NoBroker));
        assert_eq!("pigeon".parse::<DemoTransport>(), Err(UnknownTransport));
    }
}
