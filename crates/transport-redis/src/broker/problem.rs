use std::io;
use std::time::Duration;

use raftwire_transport::broker::ConnectError;

use crate::resp::RespError;

/// Why the broker cannot be used now. Trying again later may help.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{at} did not answer within {patience:?}")]
    Slow { at: String, patience: Duration },
    #[error("{at} closed the connection")]
    Closed { at: String },
    #[error("the connection to {at} broke: {source}")]
    Lost { at: String, source: io::Error },
    #[error("{at}: {source}")]
    NotRedis { at: String, source: RespError },
    #[error("{at} refuses {command}: {answer}{}", advice(.answer))]
    Refused {
        at: String,
        command: &'static str,
        answer: String,
    },
    #[error("{at} answers {command} with something unexpected")]
    Unexpected { at: String, command: &'static str },
    #[error("{at} is a replica: what is published there reaches nobody else. Give its master")]
    Replica { at: String },
    #[error(
        "{at} is a Sentinel: name the master that it watches, as redis-sentinel://{at}/<name> or \
         serviceName=<name>"
    )]
    Sentinel { at: String },
    #[error(
        "{at} belongs to a Redis Cluster of version {version}: 7.0 is the first one with sharded \
         Pub/Sub"
    )]
    ClusterTooOld { at: String, version: String },
    #[error("the Sentinel {at} does not know a master of the name {service:?}")]
    UnknownService { at: String, service: String },
    #[error("{count} servers sent this node on, one to the other")]
    SentAround { count: usize },
}

/// What to do about an answer that people meet.
fn advice(answer: &str) -> &'static str {
    if answer.starts_with("NOAUTH") || answer.contains("HELLO must be called") {
        return ". Put the password into the connection string";
    }
    if answer.starts_with("WRONGPASS") {
        return ". User or password of the connection string are wrong";
    }
    if answer.starts_with("NOPERM") {
        return ". The user needs +hello +client|setname +subscribe +publish (in a Redis Cluster \
                +ssubscribe +spublish), and the channels &raftwire:*";
    }
    if answer.starts_with("ERR unknown command") {
        return ". Redis 6 or later, or Valkey, is needed";
    }
    ""
}
