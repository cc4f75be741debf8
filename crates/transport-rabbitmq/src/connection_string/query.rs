use std::time::Duration;

use raftwire_transport::broker::{ConnectionOption, InvalidOption};

use super::RabbitMQConnectionString;

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
) -> Result<(), InvalidOption> {
    let Some(known) = NAMES.iter().find(|known| **known == name) else {
        return Err(InvalidOption::unknown(name, NAMES.iter().copied()));
    };
    let option = ConnectionOption::new(known, value);
    match *known {
        "heartbeat" => string.heartbeat = heartbeat(option, value)?,
        "connection_timeout" => string.connect_timeout = option.connect_timeout()?,
        "server_name_indication" => string.tls_host = option.text(),
        "wait_for_broker" => string.waits_for_broker = option.boolean()?,
        "verify" if value != "verify_peer" => {
            let reason = "a broker with TLS is always verified; give its authorities";
            return Err(option.unsupported(reason));
        }
        "auth_mechanism" if !value.eq_ignore_ascii_case("plain") => {
            return Err(option.unsupported("log in with a user and a password (PLAIN)"));
        }
        "cacertfile" => {
            return Err(option.unsupported(
                "give the file as RabbitMQOptions::tls_authorities, to the server as \
                 rabbitmq_tls_authorities",
            ));
        }
        "certfile" | "keyfile" => {
            return Err(option.unsupported(
                "certificates of clients are not used; log in with user and password",
            ));
        }
        "password" => {
            let reason = "write it before the host, as amqp://user:password@host";
            return Err(option.unsupported(reason));
        }
        // One channel a connection is used, and the depth of chains is the authorities' affair.
        _ => {}
    }
    Ok(())
}

fn heartbeat(option: ConnectionOption<'_>, value: &str) -> Result<Duration, InvalidOption> {
    let seconds = value.parse().ok().map(Duration::from_secs);
    seconds
        .filter(|interval| !interval.is_zero() && *interval <= HEARTBEAT_MAX)
        .ok_or(option.must_be("a number of seconds from 1 to 60"))
}
