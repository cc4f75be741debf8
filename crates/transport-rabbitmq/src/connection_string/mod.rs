//! Where the broker is and how to log in to it.

mod error;
mod query;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use error::InvalidRabbitMQConnectionString;
use raftwire_transport::broker::{self, HostPort, Secret, Servers};

/// Ports of AMQP and of AMQP over TLS.
const PORT: u16 = 5672;
const TLS_PORT: u16 = 5671;

/// How long connecting to a server and logging in may take, unless the string says otherwise.
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(3);

/// How often the two ends say that they are there, unless the string says otherwise. After two
/// intervals of silence the broker removes the queues of a node that was cut off from it; the
/// nodes themselves notice each other's silence sooner.
const HEARTBEAT_DEFAULT: Duration = Duration::from_secs(10);

/// The longest name and user that AMQP has room for.
const SHORT_BYTES_MAX: usize = 255;

/// Who logs in where the string names nobody, as RabbitMQ has it: from loopback only.
const GUEST: &str = "guest";

/// Where the broker is and how to log in to it.
///
/// Two forms are read:
///
/// - `amqp://[user[:password]@]host[:port][,host[:port]…][/vhost][?option=value&…]`, and
///   `amqps://…` with TLS. What has a meaning in a URL is written `%40` (`@`), `%3A` (`:`),
///   `%2F` (`/`), `%25` (`%`). Options are `heartbeat` (seconds, 10), `connection_timeout`
///   (milliseconds, 3000), `server_name_indication` (whose certificate the broker must show) and
///   `wait_for_broker` (true). Those of RabbitMQ's URIs that only tune other clients have no
///   effect.
/// - `host:port`, alone or several with commas between.
///
/// Of several servers, which are nodes of one RabbitMQ cluster, the first is used that answers.
/// The port is 5672 where none is given, 5671 with TLS; the virtual host is `/`, user and password
/// are `guest`.
///
/// Neither `Debug` nor any error shows user or password.
///
/// ```
/// use raftwire_transport_rabbitmq::RabbitMQConnectionString;
///
/// let string: RabbitMQConnectionString = "amqps://app:s3cret@mq1/chat?heartbeat=5".parse()?;
/// assert!(string.tls());
/// assert_eq!(string.to_string(), "amqps://mq1:5671/chat");
/// assert!(!format!("{string:?}").contains("s3cret"));
///
/// let mistyped: Result<RabbitMQConnectionString, _> = "amqp://mq1?hearbeat=5".parse();
/// assert_eq!(
///     mistyped.unwrap_err().to_string(),
///     "there is no option \"hearbeat\"; the nearest one is \"heartbeat\""
/// );
/// # Ok::<(), raftwire_transport_rabbitmq::InvalidRabbitMQConnectionString>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RabbitMQConnectionString {
    servers: Servers,
    tls: bool,
    tls_host: Option<String>,
    user: Secret,
    password: Secret,
    vhost: String,
    heartbeat: Duration,
    connect_timeout: Duration,
    waits_for_broker: bool,
}

impl RabbitMQConnectionString {
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

    pub(crate) fn user(&self) -> &str {
        self.user.reveal()
    }

    pub(crate) fn password(&self) -> &str {
        self.password.reveal()
    }

    /// The virtual host: `/` unless the string names one.
    pub fn vhost(&self) -> &str {
        &self.vhost
    }

    /// How often the two ends say that they are there.
    pub const fn heartbeat(&self) -> Duration {
        self.heartbeat
    }

    pub(crate) const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Whether a node that finds no broker when it starts waits for it; else it does not start.
    /// True unless the string says `wait_for_broker=false`.
    pub const fn waits_for_broker(&self) -> bool {
        self.waits_for_broker
    }
}

impl FromStr for RabbitMQConnectionString {
    type Err = InvalidRabbitMQConnectionString;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (tls, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (is_tls(scheme)?, rest),
            None => (false, text),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if path.contains('@') {
            // A password with a slash in it: what follows would be shown as the virtual host.
            return Err(InvalidRabbitMQConnectionString::Server { position: 1 });
        }
        let (login, servers) = match authority.rsplit_once('@') {
            Some((login, servers)) => (Some(login), servers),
            None => (None, authority),
        };
        let (user, password) = login.map_or(Ok((GUEST.into(), GUEST.into())), login_of)?;
        // An empty virtual host is not what anybody means by a slash at the end.
        let vhost = match unescaped(path, "virtual host")? {
            path if path.is_empty() => "/".to_owned(),
            path => path,
        };
        for (part, text) in [("virtual host", &vhost), ("user", &user)] {
            if text.len() > SHORT_BYTES_MAX {
                return Err(InvalidRabbitMQConnectionString::TooLong { part });
            }
        }
        let servers = servers.split(',').map(str::trim);
        let servers = servers.filter(|server| !server.is_empty());
        let mut string = Self {
            servers: Servers::parse(servers, if tls { TLS_PORT } else { PORT })?,
            tls,
            tls_host: None,
            user: Secret::new(user),
            password: Secret::new(password),
            vhost,
            heartbeat: HEARTBEAT_DEFAULT,
            connect_timeout: CONNECT_TIMEOUT_DEFAULT,
            waits_for_broker: true,
        };
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            query::set(&mut string, name, &unescaped(value, "options")?)?;
        }
        Ok(string)
    }
}

fn is_tls(scheme: &str) -> Result<bool, InvalidRabbitMQConnectionString> {
    match scheme.to_ascii_lowercase().as_str() {
        "amqp" => Ok(false),
        "amqps" => Ok(true),
        _ => {
            let scheme = broker::shown_scheme(scheme);
            Err(InvalidRabbitMQConnectionString::Scheme { scheme })
        }
    }
}

fn login_of(login: &str) -> Result<(String, String), InvalidRabbitMQConnectionString> {
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    Ok((unescaped(user, "user")?, unescaped(password, "password")?))
}

fn unescaped(text: &str, part: &'static str) -> Result<String, InvalidRabbitMQConnectionString> {
    broker::unescaped(text).map_err(|_| InvalidRabbitMQConnectionString::Escape { part })
}

impl fmt::Debug for RabbitMQConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitMQConnectionString")
            .field("servers", &self.servers)
            .field("tls", &self.tls)
            .field("tls_host", &self.tls_host)
            .field("user", &self.user)
            .field("password", &self.password)
            .field("vhost", &self.vhost)
            .field("heartbeat", &self.heartbeat)
            .field("connect_timeout", &self.connect_timeout)
            .field("waits_for_broker", &self.waits_for_broker)
            .finish()
    }
}

impl fmt::Display for RabbitMQConnectionString {
    /// The servers and the virtual host, for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls { "amqps://" } else { "amqp://" })?;
        self.servers.fmt(f)?;
        match self.vhost.as_str() {
            "/" => Ok(()),
            vhost => write!(f, "/{}", broker::escaped(vhost).replace('/', "%2F")),
        }
    }
}

#[cfg(test)]
mod tests;
