use std::time::Duration;

use super::{InvalidRabbitMQConnectionString, RabbitMQConnectionString};

/// The longest that connecting may be set to take: beyond it somebody has mistaken the unit.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// The longest interval of heartbeats: the queues of a node that is cut off from the broker stay
/// for two of them.
const HEARTBEAT_MAX: Duration = Duration::from_secs(60);

/// The options, as RabbitMQ's description of its URIs spells them, and one of ours.
const NAMES: &[&str] = &[
    "auth_mechanism",
    "cacertfile",
    "certfile",
    "channel_max",
    "connection_timeout",
    "depth",
    "fail_if_no_peer_cert",
    "heartbeat",
    "keyfile",
    "password",
    "server_name_indication",
    "verify",
    "wait_for_broker",
];

/// Takes in one option.
pub(super) fn set(
    string: &mut RabbitMQConnectionString,
    name: &str,
    value: &str,
) -> Result<(), InvalidRabbitMQConnectionString> {
    match name {
        "heartbeat" => string.heartbeat = heartbeat(value)?,
        "connection_timeout" => string.connect_timeout = timeout(value)?,
        "server_name_indication" => {
            string.tls_host = (!value.is_empty()).then(|| value.to_owned());
        }
        "wait_for_broker" => {
            string.waits_for_broker = boolean("wait_for_broker", value)?;
        }
        "verify" if value != "verify_peer" => {
            return Err(InvalidRabbitMQConnectionString::Unsupported {
                name: "verify",
                reason: "a broker with TLS is always verified; give its authorities",
            });
        }
        "auth_mechanism" if !value.eq_ignore_ascii_case("plain") => {
            return Err(InvalidRabbitMQConnectionString::Unsupported {
                name: "auth_mechanism",
                reason: "log in with a user and a password (PLAIN)",
            });
        }
        "cacertfile" => {
            return Err(InvalidRabbitMQConnectionString::Unsupported {
                name: "cacertfile",
                reason: "give the file as RabbitMQOptions::tls_authorities, to the server as \
                         rabbitmq_tls_authorities",
            });
        }
        "certfile" | "keyfile" => {
            return Err(InvalidRabbitMQConnectionString::Unsupported {
                name: "certfile",
                reason: "certificates of clients are not used; log in with user and password",
            });
        }
        "password" => {
            return Err(InvalidRabbitMQConnectionString::Unsupported {
                name: "password",
                reason: "write it before the host, as amqp://user:password@host",
            });
        }
        // One channel a connection is used, and the depth of chains is the authorities' affair.
        "auth_mechanism" | "verify" | "channel_max" | "depth" | "fail_if_no_peer_cert" => {}
        _ => return Err(unknown(name)),
    }
    Ok(())
}

fn unknown(name: &str) -> InvalidRabbitMQConnectionString {
    let lower = name.to_ascii_lowercase();
    let nearest = NAMES.iter().copied().max_by(|a, b| {
        let likeness = |known: &str| strsim::jaro_winkler(&lower, known);
        likeness(a).total_cmp(&likeness(b))
    });
    InvalidRabbitMQConnectionString::UnknownOption {
        name: name.to_owned(),
        nearest: nearest.unwrap_or("heartbeat"),
    }
}

fn boolean(name: &'static str, value: &str) -> Result<bool, InvalidRabbitMQConnectionString> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(InvalidRabbitMQConnectionString::Value {
            name,
            expected: "true or false",
        }),
    }
}

fn timeout(value: &str) -> Result<Duration, InvalidRabbitMQConnectionString> {
    let milliseconds = value.parse().ok().map(Duration::from_millis);
    milliseconds
        .filter(|timeout| !timeout.is_zero() && *timeout <= CONNECT_TIMEOUT_MAX)
        .ok_or(InvalidRabbitMQConnectionString::Value {
            name: "connection_timeout",
            expected: "a number of milliseconds from 1 to 60000",
        })
}

fn heartbeat(value: &str) -> Result<Duration, InvalidRabbitMQConnectionString> {
    let seconds = value.parse().ok().map(Duration::from_secs);
    seconds
        .filter(|interval| !interval.is_zero() && *interval <= HEARTBEAT_MAX)
        .ok_or(InvalidRabbitMQConnectionString::Value {
            name: "heartbeat",
            expected: "a number of seconds from 1 to 60",
        })
}
