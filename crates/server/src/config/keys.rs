//! The list of everything that can be set.

use std::path::PathBuf;
use std::time::Duration;

use raftwire::{
    MESSAGE_BYTES_MAX_CEILING, NAMES_MAX_CEILING, NamePolicy, OutboxPolicy, SeatPolicy,
};

use super::LogFormat;
use super::key::Key;
use super::lanes::TRANSPORTS;
use super::value::{Unfit, Value};

/// The longest that a duration may be set to: beyond it somebody has mistaken the unit.
const DURATION_MAX: Duration = Duration::from_secs(600);
/// The shortest interval at which thousands of clients may be pinged.
const PING_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// The least that a client must be able to send: an envelope and a few words.
const CLIENT_MESSAGE_BYTES_MIN: usize = 1024;
/// The most that an outbox may be set to hold.
const OUTBOX_BYTES_CEILING: usize = 1 << 30;
/// More than one process can hold.
const CONNECTIONS_CEILING: usize = 10_000_000;
/// How long a question to the application may be allowed to take: a client and its socket wait meanwhile.
const AUTHENTICATION_TIMEOUT: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(10);
/// Each costs the memory of a waiting message.
const SENDS_IN_FLIGHT_CEILING: usize = 65_536;

/// What can carry a lane, as an error lists it.
const TRANSPORTS_ALLOWED: &str = "\"ws\", \"redis\" or \"rabbitmq\"";

/// A key that nothing is known of beyond its name.
const PLAIN: Key = Key {
    name: "",
    allowed: "",
    default: None,
    reason: "",
    example: "",
    help: "",
    placeholder: "TEXT",
    confidential: false,
    explains: false,
    apply: |_, _| Ok(()),
};

/// Everything that can be set, in the order of the help.
pub static KEYS: &[Key] = &[
    Key {
        name: "node_id",
        allowed: "1 to 64 of A-Z a-z 0-9 . _ -",
        example: "\"node1\"",
        help: "This node's name, unique in the cluster. Default: generated, and kept in the data folder",
        placeholder: "NAME",
        apply: |options, value| put(&mut options.cluster.node_id, value.parse().map(Some)),
        ..PLAIN
    },
    Key {
        name: "node_address",
        allowed: "a host name or an address without its port",
        default: Some("127.0.0.1"),
        reason: "Without being told, a node is reached from its own machine only",
        help: "The address at which other nodes reach this one, and where it listens unless \
               listen_address says otherwise",
        placeholder: "HOST",
        apply: |options, value| put(&mut options.cluster.node_address, host(value)),
        ..PLAIN
    },
    Key {
        name: "node_port",
        allowed: "a port, 1 to 65535",
        default: Some("5000"),
        reason: "One port for everything is one rule in a firewall",
        help: "The one port: cluster channel, clients, HTTP API",
        placeholder: "PORT",
        apply: |options, value| put(&mut options.cluster.node_port, value.integer(1..=u16::MAX)),
        ..PLAIN
    },
    Key {
        name: "listen_address",
        allowed: "an address of this machine, such as 0.0.0.0 or ::",
        example: "\"0.0.0.0\"",
        help: "The address to listen on. Default: node_address",
        placeholder: "HOST",
        apply: |options, value| put(&mut options.listen_address, host(value).map(Some)),
        ..PLAIN
    },
    Key {
        name: "nodes",
        allowed: "node addresses: ws://host:port/nodeId, wss://…, nodeId@host:port or nodeId",
        example: "[\"ws://10.0.0.1:5000/node1\", \"ws://10.0.0.2:5000/node2\"]",
        help: "The founding members. Listing this node, duplicates and the order make no \
               difference. Default: none, a cluster of one",
        placeholder: "ADDRESS,…",
        apply: |options, value| {
            let addresses = value.list()?.into_iter().map(|item| {
                item.parse()
                    .map_err(|error| Unfit::because(format_args!("{item:?}: {error}")))
            });
            put(&mut options.cluster.nodes, addresses.collect())
        },
        ..PLAIN
    },
    Key {
        name: "cluster_name",
        allowed: "1 to 64 of A-Z a-z 0-9 . _ -",
        default: Some("raftwire"),
        reason: "Two clusters on one network need different names",
        help: "The cluster's name; nodes of another name are refused",
        placeholder: "NAME",
        apply: |options, value| put(&mut options.cluster.cluster_name, owned(value)),
        ..PLAIN
    },
    Key {
        name: "secret",
        allowed: "text of at least 16 bytes that every node of the cluster has, and nobody else: \
                  `openssl rand -base64 32` makes one",
        example: "\"what every node of the cluster knows\"",
        help: "What nodes prove to each other to know. Default: none, allowed only while every \
               address is loopback",
        confidential: true,
        apply: |options, value| put(&mut options.cluster.secret, value.parse().map(Some)),
        ..PLAIN
    },
    Key {
        name: "secret_previous",
        allowed: "text like `secret`: the one before or after it",
        example: "\"what every node of the cluster knew before\"",
        help: "A second secret that is accepted while the secret is exchanged. Default: none",
        confidential: true,
        apply: |options, value| {
            put(
                &mut options.cluster.secret_previous,
                value.parse().map(Some),
            )
        },
        ..PLAIN
    },
    Key {
        name: "encrypt",
        allowed: "true or false",
        default: Some("false"),
        reason: "Codes keep strangers out; hiding what is said costs more, and TLS does it as well",
        help: "Encrypt what nodes say to each other where TLS between them does not; needs a secret",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.cluster.encrypt, value.boolean()),
        ..PLAIN
    },
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
        apply: |options, value| put(&mut options.cluster.channel_name, path(value)),
        ..PLAIN
    },
    Key {
        name: "data_dir",
        allowed: "a folder that this node may write to",
        example: "\"/var/lib/raftwire\"",
        help: "Where the log and the identity are kept. Default: ./raftwire-data/<node id>",
        placeholder: "FOLDER",
        apply: |options, value| put(&mut options.cluster.data_dir, file(value)),
        ..PLAIN
    },
    Key {
        name: "ephemeral",
        allowed: "true or false",
        default: Some("false"),
        reason: "A restart of all nodes must not lose what was agreed",
        help: "Keep nothing on disk: the cluster forgets itself when a majority stops",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.cluster.ephemeral, value.boolean()),
        ..PLAIN
    },
    Key {
        name: "seat",
        allowed: "\"auto\" or \"edge\"",
        default: Some("auto"),
        reason: "Where voters are missing, a node that can vote should",
        help: "auto: vote, stand by with a copy of the log, or be an edge, as the cluster needs it. \
               edge: never vote and keep no log, so that this node may come and go as it likes",
        apply: |options, value| {
            let seat = match value.text()? {
                "auto" => Ok(SeatPolicy::Auto),
                "edge" => Ok(SeatPolicy::Edge),
                _ => Err(Unfit::default()),
            };
            put(&mut options.cluster.seat, seat)
        },
        ..PLAIN
    },
    Key {
        name: "route_deadline",
        allowed: "a duration from 1ms to 10m",
        default: Some("5s"),
        reason: "About the longest that a person waits, and longer than a failover",
        help: "How long a message may take to be delivered or answered for",
        placeholder: "DURATION",
        apply: |options, value| {
            let range = Duration::from_millis(1)..=DURATION_MAX;
            put(&mut options.cluster.route_deadline, value.duration(range))
        },
        ..PLAIN
    },
    Key {
        name: "message_bytes_max",
        allowed: "a size from 1 B to 64 MiB",
        default: Some("1 MiB"),
        reason: "Larger messages hold up others and belong into a store, with a link sent",
        help: "The largest payload that is routed",
        placeholder: "SIZE",
        apply: |options, value| {
            let range = 1..=MESSAGE_BYTES_MAX_CEILING;
            put(&mut options.cluster.message_bytes_max, value.bytes(range))
        },
        ..PLAIN
    },
    Key {
        name: "outbox_bytes_max",
        allowed: "a size from 1 B to 1 GiB",
        default: Some("1 MiB"),
        reason: "A second of 8 Mbit/s: a client that is further behind does not keep up",
        help: "What may wait for one client before it is too slow",
        placeholder: "SIZE",
        apply: |options, value| {
            let range = 1..=OUTBOX_BYTES_CEILING;
            put(&mut options.cluster.outbox_bytes_max, value.bytes(range))
        },
        ..PLAIN
    },
    Key {
        name: "names_max",
        allowed: "a number from 1 to 1000000",
        default: Some("1000000"),
        reason: "Each costs every voter some hundred bytes of memory, and of its snapshot",
        help: "How many names the cluster's connections may have; what the founding node was told \
               holds for all",
        placeholder: "COUNT",
        apply: |options, value| {
            let range = 1..=NAMES_MAX_CEILING;
            put(&mut options.cluster.names_max, value.integer(range))
        },
        ..PLAIN
    },
    Key {
        name: "outbox_policy",
        allowed: "\"close\", \"refuse\" or \"drop_oldest\"",
        default: Some("close"),
        reason: "A client that missed something learns it, and comes back",
        help: "What happens when a client is too slow: close it, refuse the message, or drop the \
               oldest fire-and-forget messages",
        apply: |options, value| {
            let policy = match value.text()? {
                "close" => Ok(OutboxPolicy::Close),
                "refuse" => Ok(OutboxPolicy::Refuse),
                "drop_oldest" => Ok(OutboxPolicy::DropOldest),
                _ => Err(Unfit::default()),
            };
            put(&mut options.cluster.outbox_policy, policy)
        },
        ..PLAIN
    },
    Key {
        name: "shutdown_deadline",
        allowed: "a duration from 1s to 10m",
        default: Some("10s"),
        reason: "Well below the 30 s after which supervisors kill",
        help: "How long a stop may take in all",
        placeholder: "DURATION",
        apply: |options, value| {
            let range = Duration::from_secs(1)..=DURATION_MAX;
            put(&mut options.shutdown_deadline, value.duration(range))
        },
        ..PLAIN
    },
    Key {
        name: "log.level",
        allowed: "a level (error, warn, info, debug, trace), or levels by module",
        default: Some("info"),
        reason: "What an operator may want to know afterwards, and nothing for each message",
        help: "What is logged to standard error; \"info,raftwire=debug\" sets modules apart",
        placeholder: "LEVEL",
        apply: |options, value| put(&mut options.log.level, log_filter(value)),
        ..PLAIN
    },
    Key {
        name: "log.format",
        allowed: "\"text\" or \"json\"",
        default: Some("text"),
        reason: "For people; json is for programs that collect logs",
        help: "How a line of the log is written: as text, or as a JSON object with the fields kept \
               apart",
        placeholder: "FORMAT",
        apply: |options, value| {
            let format = match value.text()? {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err(Unfit::default()),
            };
            put(&mut options.log.format, format)
        },
        ..PLAIN
    },
    Key {
        name: "tls.certificate",
        allowed: "the path of a PEM file",
        example: "\"node1.pem\"",
        help: "The certificate that clients are shown, followed by those that lead to its authority. With it the \
               port speaks TLS and nothing else, and so do nodes with each other. Default: none, no TLS",
        placeholder: "FILE",
        apply: |options, value| put(&mut options.tls.certificate, file(value)),
        ..PLAIN
    },
    Key {
        name: "tls.key",
        allowed: "the path of a PEM file",
        example: "\"node1-key.pem\"",
        help: "The private key of tls.certificate, without a password. Default: none",
        placeholder: "FILE",
        apply: |options, value| put(&mut options.tls.key, file(value)),
        ..PLAIN
    },
    Key {
        name: "tls.node_certificate",
        allowed: "the path of a PEM file",
        example: "\"node1.pem\"",
        help: "The certificate that other nodes are shown, which names this one: \
               raftwire://<cluster_name>/<node_id>. Default: tls.certificate",
        placeholder: "FILE",
        apply: |options, value| put(&mut options.tls.node_certificate, file(value)),
        ..PLAIN
    },
    Key {
        name: "tls.node_key",
        allowed: "the path of a PEM file",
        example: "\"node1-key.pem\"",
        help: "The private key of tls.node_certificate. Default: tls.key",
        placeholder: "FILE",
        apply: |options, value| put(&mut options.tls.node_key, file(value)),
        ..PLAIN
    },
    Key {
        name: "tls.node_authorities",
        allowed: "the path of a PEM file",
        example: "\"authority.pem\"",
        help: "The authorities that sign the certificates of nodes. Default: none, allowed in a cluster of one \
               only",
        placeholder: "FILE",
        apply: |options, value| put(&mut options.tls.node_authorities, file(value)),
        ..PLAIN
    },
    Key {
        name: "tls.node_certificate_required",
        allowed: "true or false",
        default: Some("true"),
        reason: "Without it only the secret proves who dials",
        help: "Whether a node that dials must show a certificate that names it",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.tls.node_certificate_required, value.boolean()),
        ..PLAIN
    },
    Key {
        name: "http.token",
        allowed: "at least 16 printable characters without blanks",
        example: "\"at-least-16-printable-characters\"",
        help: "The bearer token of the HTTP API. Default: none, and the API is open on loopback only",
        confidential: true,
        apply: |options, value| put(&mut options.http.token, token(value).map(Some)),
        ..PLAIN
    },
    Key {
        name: "http.handshake_timeout",
        allowed: "a duration from 100ms to 10m",
        default: Some("10s"),
        reason: "Long for any network, short for somebody who holds sockets open",
        help: "How long a TLS handshake may take, and then the head of a request, or a socket be \
               idle before it",
        placeholder: "DURATION",
        apply: |options, value| {
            let range = Duration::from_millis(100)..=DURATION_MAX;
            put(&mut options.http.handshake_timeout, value.duration(range))
        },
        ..PLAIN
    },
    Key {
        name: "client.path",
        allowed: "a path that begins with \"/\"",
        default: Some("/ws"),
        reason: "What the field uses",
        help: "The path of the endpoint of WebSocket clients",
        placeholder: "PATH",
        apply: |options, value| put(&mut options.client.path, path(value)),
        ..PLAIN
    },
    Key {
        name: "client.origins",
        allowed: "origins of web pages such as https://app.example.org, or *",
        example: "[\"https://app.example.org\"]",
        help: "The web pages that may connect. Programs that are no browsers send no origin, and \
               may. Default: pages that came from the same host and port",
        placeholder: "ORIGIN,…",
        apply: |options, value| {
            let origins = value
                .list()?
                .into_iter()
                .map(|item| item.parse().map_err(Unfit::because));
            put(&mut options.client.origins, origins.collect())
        },
        ..PLAIN
    },
    Key {
        name: "client.connections_max",
        allowed: "a number from 1 to 10000000",
        default: Some("100000"),
        reason: "About 1 GB of idle clients",
        help: "How many clients are held at once; further ones are refused with 503. Fewer where the \
               limit of open files is lower",
        placeholder: "COUNT",
        apply: |options, value| {
            put(
                &mut options.client.connections_max,
                value.integer(1..=CONNECTIONS_CEILING),
            )
        },
        ..PLAIN
    },
    Key {
        name: "client.allow_send",
        allowed: "true or false",
        default: Some("false"),
        reason: "What strangers may do is opened by hand",
        help: "Whether a client may send to connections, users and groups",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.client.allow_send, value.boolean()),
        ..PLAIN
    },
    Key {
        name: "client.allow_join",
        allowed: "true or false",
        default: Some("false"),
        reason: "What strangers may do is opened by hand",
        help: "Whether a client may join and leave groups",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.client.allow_join, value.boolean()),
        ..PLAIN
    },
    Key {
        name: "client.identity_in_query",
        allowed: "true or false",
        default: Some("false"),
        reason: "Anybody could say to be anybody",
        help: "Whether a client is believed the user and name of its URL, as in \
               /ws?user=alice&name=alice@phone. Not read where there is an authentication_url",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.client.identity_in_query, value.boolean()),
        ..PLAIN
    },
    Key {
        name: "client.authentication_url",
        allowed: "a URL, http://host:port/path",
        example: "\"http://127.0.0.1:8000/who\"",
        help: "Where the application is asked who a client is, before it is let in. Default: nobody is \
               asked",
        placeholder: "URL",
        apply: |options, value| {
            put(
                &mut options.client.authentication_url,
                owned(value).map(Some),
            )
        },
        ..PLAIN
    },
    Key {
        name: "client.authentication_token",
        allowed: "at least 16 printable characters without blanks",
        example: "\"what-the-application-knows-nodes-by\"",
        help: "The bearer token that the application is asked with. Default: none",
        confidential: true,
        apply: |options, value| {
            put(
                &mut options.client.authentication_token,
                token(value).map(Some),
            )
        },
        ..PLAIN
    },
    Key {
        name: "client.authentication_timeout",
        allowed: "a duration from 10ms to 10s",
        default: Some("2s"),
        reason: "A client waits for it before it is let in, and its socket is held meanwhile",
        help: "How long the application may take to answer; the client is told to try again then",
        placeholder: "DURATION",
        apply: |options, value| {
            put(
                &mut options.client.authentication_timeout,
                value.duration(AUTHENTICATION_TIMEOUT),
            )
        },
        ..PLAIN
    },
    Key {
        name: "client.name_policy",
        allowed: "\"take_over\" or \"refuse\"",
        default: Some("take_over"),
        reason: "A client that comes back before its old connection was missed gets its name again",
        help: "What happens when a client comes with a name that another connection has: the older one \
               is closed, or the newer one refused",
        apply: |options, value| {
            let policy = match value.text()? {
                "take_over" => Ok(NamePolicy::TakeOver),
                "refuse" => Ok(NamePolicy::IfFree),
                _ => Err(Unfit::default()),
            };
            put(&mut options.client.name_policy, policy)
        },
        ..PLAIN
    },
    Key {
        name: "client.message_bytes_max",
        allowed: "a size from 1 KiB to 64 MiB",
        default: Some("1 MiB"),
        reason: "As large as what is routed",
        help: "The largest WebSocket message that a client may send, envelope included",
        placeholder: "SIZE",
        apply: |options, value| {
            let range = CLIENT_MESSAGE_BYTES_MIN..=MESSAGE_BYTES_MAX_CEILING;
            put(&mut options.client.message_bytes_max, value.bytes(range))
        },
        ..PLAIN
    },
    Key {
        name: "client.sends_in_flight_max",
        allowed: "a number from 1 to 65536",
        default: Some("64"),
        reason: "Keeps one client busy over a long line without filling the queues of others",
        help: "How many of one client's sends may wait for their outcome; it is read no further \
               until one has it",
        placeholder: "COUNT",
        apply: |options, value| {
            let range = 1..=SENDS_IN_FLIGHT_CEILING;
            put(
                &mut options.client.sends_in_flight_max,
                value.integer(range),
            )
        },
        ..PLAIN
    },
    Key {
        name: "client.ping_interval",
        allowed: "a duration from 1s to 10m",
        default: Some("25s"),
        reason: "Below the 30 to 60 s after which proxies give up silent connections",
        help: "How often a client is pinged; two intervals of silence end the connection",
        placeholder: "DURATION",
        apply: |options, value| {
            let range = PING_INTERVAL_MIN..=DURATION_MAX;
            put(&mut options.client.ping_interval, value.duration(range))
        },
        ..PLAIN
    },
    Key {
        name: "client.echo",
        allowed: "true or false",
        default: Some("false"),
        reason: "Nobody but a test or a measurement asks for it",
        help: "Whether /echo answers each WebSocket message with itself: for conformance tests and \
               measurements of the client's side, not for clients",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.client.echo, value.boolean()),
        ..PLAIN
    },
];

fn put<T>(place: &mut T, value: Result<T, Unfit>) -> Result<(), Unfit> {
    *place = value?;
    Ok(())
}

fn owned(value: &Value) -> Result<String, Unfit> {
    value.text().map(str::to_owned)
}

fn transport(value: &Value) -> Result<String, Unfit> {
    let name = owned(value)?;
    match TRANSPORTS.contains(&&*name) {
        true => Ok(name),
        false => Err(Unfit::default()),
    }
}

fn host(value: &Value) -> Result<String, Unfit> {
    let host = value.text()?;
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let in_brackets = host.starts_with('[') && host.ends_with(']');
    if host.is_empty()
        || host.contains(|c: char| c.is_whitespace() || c == '/')
        || (host.contains(':') && !is_address && !in_brackets)
    {
        return Err(Unfit::default());
    }
    Ok(host.to_owned())
}

fn file(value: &Value) -> Result<Option<PathBuf>, Unfit> {
    match value.text()? {
        "" => Err(Unfit::default()),
        path => Ok(Some(path.into())),
    }
}

fn path(value: &Value) -> Result<String, Unfit> {
    let path = value.text()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
    if path.len() > 1 && path.starts_with('/') && path.chars().all(is_plain) {
        return Ok(path.to_owned());
    }
    Err(Unfit::default())
}

fn token(value: &Value) -> Result<String, Unfit> {
    let token = value.text()?;
    if token.len() >= 16 && token.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(token.to_owned());
    }
    Err(Unfit::default())
}

fn log_filter(value: &Value) -> Result<String, Unfit> {
    let text = value.text()?;
    // A bare word that is no level would be the name of a module, and the log silent.
    let is_level = |word: &str| {
        let is_bare = word
            .parse::<tracing_subscriber::filter::LevelFilter>()
            .is_ok();
        word.contains('=') || is_bare && !word.is_empty()
    };
    if let Some(word) = text.split(',').map(str::trim).find(|word| !is_level(word)) {
        let reason = format!("\"{word}\" is no level: error, warn, info, debug, trace or off");
        return Err(Unfit::because(reason));
    }
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Unfit::because(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerOptions;

    #[test]
    fn documented_defaults_are_the_defaults() {
        for key in KEYS {
            let Some(default) = key.default else { continue };
            let mut options = ServerOptions::default();
            (key.apply)(&mut options, &Value::Bare(default.to_owned())).expect(key.name);

            let (set, untouched) = (
                format!("{options:?}"),
                format!("{:?}", ServerOptions::default()),
            );
            assert_eq!(set, untouched, "{}", key.name);
        }
    }

    #[test]
    fn every_transport_is_listed_where_one_is_asked_for() {
        for transport in TRANSPORTS {
            assert!(TRANSPORTS_ALLOWED.contains(&format!("\"{transport}\"")));
        }
    }

    #[test]
    fn names_are_distinct_in_every_source() {
        let spellings: [fn(&Key) -> String; 3] =
            [|key| key.name.to_owned(), Key::variable, Key::flag];
        for spelling in spellings {
            let distinct: std::collections::BTreeSet<_> = KEYS.iter().map(spelling).collect();
            assert_eq!(distinct.len(), KEYS.len());
        }
    }

    #[test]
    fn a_word_that_is_no_level_does_not_silence_the_log() {
        let filter = |text: &str| log_filter(&Value::Bare(text.to_owned()));
        for right in [
            "info",
            "WARN",
            "off",
            "info,raftwire=debug",
            "raftwire_link=trace,error",
        ] {
            assert!(filter(right).is_ok(), "{right}");
        }
        for wrong in ["loud", "", "info,", "raftwire", "raftwire=loud"] {
            assert!(filter(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_host_has_no_port() {
        for good in ["localhost", "10.0.0.1", "::1", "[::1]", "node1.example"] {
            assert!(host(&Value::Bare(good.to_owned())).is_ok(), "{good}");
        }
        for bad in ["", "localhost:5000", "ws://localhost", "a b"] {
            assert!(host(&Value::Bare(bad.to_owned())).is_err(), "{bad}");
        }
    }
}
