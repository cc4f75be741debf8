//! What a node is told, in types.

use std::path::PathBuf;
use std::time::Duration;

use raftwire::{ClusterOptions, NamePolicy};
use raftwire_transport_rabbitmq::RabbitMQConnectionString;
use raftwire_transport_redis::RedisConnectionString;

use super::{TlsOptions, WebOrigin};

/// Everything that `raftwire serve` can be told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// What the library is told.
    pub cluster: ClusterOptions,
    /// The address to listen on where it is not `node_address`, which other nodes are told.
    pub listen_address: Option<String>,
    /// The server of what `redis` carries.
    pub redis_connection_string: Option<RedisConnectionString>,
    /// A PEM file with the authorities of that server's certificate; `None`: those of the system.
    pub redis_tls_authorities: Option<PathBuf>,
    /// The broker of what `rabbitmq` carries.
    pub rabbitmq_connection_string: Option<RabbitMQConnectionString>,
    /// A PEM file with the authorities of that broker's certificate; `None`: those of the system.
    pub rabbitmq_tls_authorities: Option<PathBuf>,
    /// What is logged, and how.
    pub log: LogOptions,
    /// How long a stop may take in all.
    pub shutdown_deadline: Duration,
    /// TLS on the port, and between the nodes.
    pub tls: TlsOptions,
    /// The HTTP side of the port.
    pub http: HttpOptions,
    /// The endpoint of WebSocket clients.
    pub client: ClientOptions,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogOptions {
    /// A level, or levels by module, as `tracing_subscriber::EnvFilter` reads them.
    pub level: String,
    /// How a line is written.
    pub format: LogFormat,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line, its fields kept apart: for programs.
    Json,
}

/// The HTTP side of the port.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpOptions {
    /// What a caller of the API proves to know.
    pub token: Option<String>,
    /// How long a request line with its headers may take.
    pub handshake_timeout: Duration,
}

/// The endpoint of WebSocket clients.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// Its path.
    pub path: String,
    /// The web pages that may connect; empty: those that came from the same host and port.
    pub origins: Vec<WebOrigin>,
    /// How many clients are held at once.
    pub connections_max: usize,
    /// Whether a client may send to connections, users and groups.
    pub allow_send: bool,
    /// Whether a client may join and leave groups.
    pub allow_join: bool,
    /// Whether messages are compressed for clients that offer it.
    pub compression: bool,
    /// Whether a client is believed what the query of its URL says of its user and name. Not read where
    /// there is a hook.
    pub identity_in_query: bool,
    /// The application's answer to who a client is, asked by HTTP.
    pub authentication_url: Option<String>,
    /// The bearer token that the hook is asked with.
    pub authentication_token: Option<String>,
    /// How long the hook may take.
    pub authentication_timeout: Duration,
    /// Whether a connection takes its name over from an older one, or is refused.
    pub name_policy: NamePolicy,
    /// The largest payload that a client may send; the cluster's `message_bytes_max` where that is less.
    pub message_bytes_max: usize,
    /// How many of one client's sends may wait for their outcome at once.
    pub sends_in_flight_max: usize,
    /// How often a client is pinged; silence of two intervals ends the connection.
    pub ping_interval: Duration,
    /// Whether `/echo` is served.
    pub echo: bool,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            cluster: ClusterOptions::default(),
            listen_address: None,
            redis_connection_string: None,
            redis_tls_authorities: None,
            rabbitmq_connection_string: None,
            rabbitmq_tls_authorities: None,
            log: LogOptions::default(),
            shutdown_deadline: Duration::from_secs(10),
            tls: TlsOptions::default(),
            http: HttpOptions::default(),
            client: ClientOptions::default(),
        }
    }
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            level: "info".to_owned(),
            format: LogFormat::default(),
        }
    }
}

impl Default for HttpOptions {
    fn default() -> HttpOptions {
        HttpOptions {
            token: None,
            handshake_timeout: Duration::from_secs(10),
        }
    }
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            path: "/ws".to_owned(),
            origins: Vec::new(),
            connections_max: 100_000,
            allow_send: false,
            allow_join: false,
            compression: false,
            identity_in_query: false,
            authentication_url: None,
            authentication_token: None,
            authentication_timeout: Duration::from_secs(2),
            name_policy: NamePolicy::TakeOver,
            message_bytes_max: 1024 * 1024,
            sends_in_flight_max: 64,
            ping_interval: Duration::from_secs(25),
            echo: false,
        }
    }
}

impl ServerOptions {
    /// The address to listen on.
    pub fn listen_host(&self) -> &str {
        self.listen_address
            .as_deref()
            .unwrap_or(&self.cluster.node_address)
    }
}
