//! Where the broker is and how to log in to it, in the forms that people have at hand.

mod error;
mod option_name;
mod parts;
mod stack_exchange;
mod url;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use error::InvalidRedisConnectionString;
use parts::Parts;
use raftwire_transport::broker::{HostPort, Secret, Servers};

/// How long connecting to a server and logging in may take, unless the string says otherwise.
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(3);

/// Where the broker is and how to log in to it.
///
/// Four forms are read:
///
/// - `redis://[user[:password]@]host[:port][,host[:port]…][/database][?option=value&…]`, and
///   `rediss://…` with TLS. What has a meaning in a URL is written `%40` (`@`), `%3A` (`:`),
///   `%2F` (`/`), `%25` (`%`).
/// - `redis-sentinel://host[:port],…/master-name`, and `rediss-sentinel://…`: the Sentinels, and
///   the name of the master that they watch.
/// - `host:port`, alone or several with commas between.
/// - The form of StackExchange.Redis: `host:port,host:port,password=…,user=…,ssl=true,…`. Its
///   options can be used behind a `?` as well. Those that only tune that client have no effect.
///
/// Of several servers the first is used that answers and is a master. A Redis Cluster is
/// recognised by what its servers say; naming one of them is enough. A database is accepted and
/// has no effect: Pub/Sub has none. The port is 6379 where none is given, 26379 for Sentinels.
///
/// Neither `Debug` nor any error shows user or password.
///
/// ```
/// use raftwire_transport_redis::RedisConnectionString;
///
/// let string: RedisConnectionString = "cache1:6380,password=s3cret,ssl=true".parse()?;
/// assert!(string.tls());
/// assert!(!format!("{string:?}").contains("s3cret"));
///
/// let mistyped: Result<RedisConnectionString, _> = "cache1,pasword=s3cret".parse();
/// assert_eq!(
///     mistyped.unwrap_err().to_string(),
///     "there is no option \"pasword\"; the nearest one is \"password\""
/// );
/// # Ok::<(), raftwire_transport_redis::InvalidRedisConnectionString>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RedisConnectionString {
    servers: Servers,
    tls: bool,
    tls_host: Option<String>,
    user: Option<Secret>,
    password: Option<Secret>,
    service: Option<String>,
    connect_timeout: Duration,
    waits_for_broker: bool,
    channel_prefix: String,
}

impl RedisConnectionString {
    pub(crate) fn servers(&self) -> &[HostPort] {
        self.servers.as_slice()
    }

    /// Whether the connections are made over TLS.
    pub const fn tls(&self) -> bool {
        self.tls
    }

    /// Whose certificate the server must show, if not that of the host that was connected to.
    pub(crate) fn tls_host(&self) -> Option<&str> {
        self.tls_host.as_deref()
    }

    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_ref().map(Secret::reveal)
    }

    pub(crate) fn password(&self) -> Option<&str> {
        self.password.as_ref().map(Secret::reveal)
    }

    /// The master's name, if the endpoints are Sentinels.
    pub(crate) fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    pub(crate) const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Whether a node that finds no broker when it starts waits for it; else it does not start.
    /// True unless the string says `abortConnect=true`.
    pub const fn waits_for_broker(&self) -> bool {
        self.waits_for_broker
    }

    pub(crate) fn channel_prefix(&self) -> &str {
        &self.channel_prefix
    }
}

impl FromStr for RedisConnectionString {
    type Err = InvalidRedisConnectionString;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidRedisConnectionString::NoServer);
        }
        let parts: Parts = match text.split_once("://") {
            Some((scheme, rest)) => url::parse(scheme, rest)?,
            None => stack_exchange::parse(text)?,
        };
        parts.finish()
    }
}

impl fmt::Debug for RedisConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnectionString")
            .field("servers", &self.servers)
            .field("tls", &self.tls)
            .field("tls_host", &self.tls_host)
            .field("user", &self.user)
            .field("password", &self.password)
            .field("service", &self.service)
            .field("connect_timeout", &self.connect_timeout)
            .field("waits_for_broker", &self.waits_for_broker)
            .field("channel_prefix", &self.channel_prefix)
            .finish()
    }
}

impl fmt::Display for RedisConnectionString {
    /// The servers, for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.tls, self.service.is_some()) {
            (false, false) => "redis://",
            (true, false) => "rediss://",
            (false, true) => "redis-sentinel://",
            (true, true) => "rediss-sentinel://",
        })?;
        self.servers.fmt(f)?;
        match &self.service {
            Some(service) => write!(f, "/{service}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
