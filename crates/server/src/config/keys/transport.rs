//! What carries the traffic between nodes.

use super::{PLAIN, put};
use crate::config::key::Key;
use crate::config::lanes::TRANSPORTS;
use crate::config::value::{Unfit, Value};

/// What can carry a lane, as an error lists it.
const TRANSPORTS_ALLOWED: &str = "\"ws\", \"redis\" or \"rabbitmq\"";

pub(super) static TRANSPORT: &[Key] = &[
    Key {
        name: "transport_type",
        allowed: TRANSPORTS_ALLOWED,
        default: Some("ws"),
        reason: "WebSocket needs no broker",
        help: "What carries the traffic between nodes. Over a broker elections and leases take \
               longer (README.md, \"Over a broker\"), and a secret is required",
        apply: |options, value| put(&mut options.cluster.transport_type, transport(value)),
        ..PLAIN
    },
    Key {
        name: "control",
        allowed: TRANSPORTS_ALLOWED,
        example: "\"ws\"",
        help: "What carries the control lane: elections, leases, hellos. Where nodes can reach each \
               other, \"ws\" keeps those off a busy broker. Default: transport_type",
        apply: |options, value| put(&mut options.cluster.control, transport(value).map(Some)),
        ..PLAIN
    },
    Key {
        name: "data",
        allowed: TRANSPORTS_ALLOWED,
        example: "\"redis\"",
        help: "What carries the data lane: messages. Default: transport_type",
        apply: |options, value| put(&mut options.cluster.data, transport(value).map(Some)),
        ..PLAIN
    },
    Key {
        name: "redis_connection_string",
        allowed: "redis://[user:password@]host:port, rediss://… with TLS, \
                  redis-sentinel://host:port/master, host:port, or \
                  host:port,password=…,ssl=true as StackExchange.Redis has it",
        example: "\"redis://127.0.0.1:6379\"",
        help: "The Redis or Valkey server, where \"redis\" carries anything. Default: none",
        confidential: true,
        explains: true,
        apply: |options, value| {
            put(
                &mut options.redis_connection_string,
                value.parse().map(Some),
            )
        },
        ..PLAIN
    },
    Key {
        name: "redis_tls_authorities",
        allowed: "a PEM file with certificates",
        example: "\"/etc/raftwire/redis-ca.pem\"",
        help: "Who may have signed the certificate of the Redis server. Default: the authorities \
               of the system",
        placeholder: "FILE",
        apply: |options, value| {
            put(
                &mut options.redis_tls_authorities,
                value.text().map(|text| Some(text.into())),
            )
        },
        ..PLAIN
    },
    Key {
        name: "rabbitmq_connection_string",
        allowed: "amqp://[user:password@]host:port[/vhost], amqps://… with TLS, or host:port",
        example: "\"amqp://127.0.0.1:5672\"",
        help: "The RabbitMQ broker, where \"rabbitmq\" carries anything. Default: none",
        confidential: true,
        explains: true,
        apply: |options, value| {
            put(
                &mut options.rabbitmq_connection_string,
                value.parse().map(Some),
            )
        },
        ..PLAIN
    },
    Key {
        name: "rabbitmq_tls_authorities",
        allowed: "a PEM file with certificates",
        example: "\"/etc/raftwire/rabbitmq-ca.pem\"",
        help: "Who may have signed the certificate of the RabbitMQ broker. Default: the authorities \
               of the system",
        placeholder: "FILE",
        apply: |options, value| {
            put(
                &mut options.rabbitmq_tls_authorities,
                value.text().map(|text| Some(text.into())),
            )
        },
        ..PLAIN
    },
    Key {
        name: "channel_name",
        allowed: "a path that begins with \"/\"",
        default: Some("/cluster"),
        reason: "Beside the clients' path, on the same port",
        help: "The path of the cluster channel",
        placeholder: "PATH",
        apply: |options, value| put(&mut options.cluster.channel_name, value.url_path()),
        ..PLAIN
    },
];

fn transport(value: &Value) -> Result<String, Unfit> {
    let name = value.owned()?;
    match TRANSPORTS.contains(&&*name) {
        true => Ok(name),
        false => Err(Unfit::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transport_is_listed_where_one_is_asked_for() {
        for transport in TRANSPORTS {
            assert!(TRANSPORTS_ALLOWED.contains(&format!("\"{transport}\"")));
        }
    }
}
