use bytes::Bytes;

use super::Problem;
use super::login::{Greeting, Login, Mode};
use super::stream::{Commands, Connection, Replies};
use crate::resp::Value;
use raftwire_transport::broker::HostPort;

/// How often a Redis Cluster may send this node on to another server of it.
const MOVES_MAX: usize = 5;

/// The server of one lane: a connection that hears, and one that publishes.
pub(crate) struct Broker {
    pub(crate) server: HostPort,
    pub(crate) heard: Replies,
    /// Kept open: the server ends a subscription with its connection.
    pub(crate) _subscriber: Commands,
    pub(crate) commands: Commands,
    pub(crate) answers: Replies,
    /// The command that publishes.
    pub(crate) publish: &'static [u8],
}

/// Finds the server that carries these channels, subscribes to them, and opens the connection
/// that publishes.
pub(crate) async fn open_broker(login: &Login, channels: &[Bytes]) -> Result<Broker, Problem> {
    let (mut server, mut connection, mut greeting) = find_server(login).await?;
    for _ in 0..=MOVES_MAX {
        let (subscribe, publish) = commands(&server, &greeting)?;
        match subscribed(&mut connection, login, subscribe, channels, &server).await? {
            None => {
                let (publisher, _) = login.open(&server).await?;
                return Ok(Broker {
                    server,
                    heard: connection.replies,
                    _subscriber: connection.commands,
                    commands: publisher.commands,
                    answers: publisher.replies,
                    publish,
                });
            }
            Some(other) => {
                (connection, greeting) = login.open(&other).await?;
                server = other;
            }
        }
    }
    Err(Problem::SentAround { count: MOVES_MAX })
}

/// Sharded Pub/Sub in a Redis Cluster: there the plain one sends everything to every server.
fn commands(
    server: &HostPort,
    greeting: &Greeting,
) -> Result<(&'static str, &'static [u8]), Problem> {
    let at = || server.to_string();
    match greeting.mode {
        Mode::Standalone if greeting.is_replica => Err(Problem::Replica { at: at() }),
        Mode::Standalone => Ok(("SUBSCRIBE", b"PUBLISH")),
        Mode::Sentinel => Err(Problem::Sentinel { at: at() }),
        Mode::Cluster => {
            let major = greeting.version.split('.').next();
            if major.and_then(|major| major.parse().ok()).unwrap_or(0) < 7_u32 {
                let version = greeting.version.clone();
                return Err(Problem::ClusterTooOld { at: at(), version });
            }
            Ok(("SSUBSCRIBE", b"SPUBLISH"))
        }
    }
}

/// The first server of the connection string that can be used, or the master that its Sentinels
/// name. When none can, the last one's problem is told.
async fn find_server(login: &Login) -> Result<(HostPort, Connection, Greeting), Problem> {
    let mut last = None;
    for endpoint in login.string.servers() {
        let tried = async {
            let server = match login.string.service() {
                Some(service) => master_of(login, endpoint, service).await?,
                None => endpoint.clone(),
            };
            let (connection, greeting) = login.open(&server).await?;
            commands(&server, &greeting)?;
            Ok((server, connection, greeting))
        };
        match tried.await {
            Ok(found) => return Ok(found),
            Err(problem) => last = Some(problem),
        }
    }
    Err(last.unwrap_or(Problem::SentAround { count: 0 }))
}

async fn master_of(login: &Login, sentinel: &HostPort, service: &str) -> Result<HostPort, Problem> {
    let command = "SENTINEL";
    let (mut connection, _) = login.open(sentinel).await?;
    let question = [
        &b"SENTINEL"[..],
        b"get-master-addr-by-name",
        service.as_bytes(),
    ];
    let at = sentinel.to_string();
    let asked = patiently(login, &at, connection.ask(&question)).await?;
    match asked {
        Value::Array(address) => {
            let host = address.first().and_then(Value::text);
            let port = address.get(1).and_then(Value::text);
            let port = port.and_then(|port| port.parse().ok());
            match (host, port) {
                (Some(host), Some(port)) => Ok(HostPort {
                    host: host.to_owned(),
                    port,
                }),
                _ => Err(Problem::Unexpected { at, command }),
            }
        }
        Value::Null => Err(Problem::UnknownService {
            at,
            service: service.to_owned(),
        }),
        Value::Error(answer) => Err(Problem::Refused {
            at,
            command,
            answer,
        }),
        _ => Err(Problem::Unexpected { at, command }),
    }
}

/// Subscribes to all channels; the server that the cluster sends this node on to, if it does.
async fn subscribed(
    connection: &mut Connection,
    login: &Login,
    command: &'static str,
    channels: &[Bytes],
    server: &HostPort,
) -> Result<Option<HostPort>, Problem> {
    let mut parts = vec![command.as_bytes()];
    parts.extend(channels.iter().map(|channel| &channel[..]));
    let at = server.to_string();
    let mut answer = patiently(login, &at, connection.ask(&parts)).await?;
    for further in (0..channels.len()).rev() {
        match answer {
            Value::Array(_) => {}
            Value::Error(answer) => {
                return match moved(&answer, server) {
                    Some(other) => Ok(Some(other)),
                    None => Err(Problem::Refused {
                        at,
                        command,
                        answer,
                    }),
                };
            }
            _ => return Err(Problem::Unexpected { at, command }),
        }
        if further == 0 {
            break;
        }
        answer = patiently(login, &at, connection.replies.next()).await?;
    }
    Ok(None)
}

async fn patiently<T>(
    login: &Login,
    at: &str,
    asking: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let patience = login.string.connect_timeout();
    let asked = tokio::time::timeout(patience, asking).await;
    asked.unwrap_or_else(|_| {
        let at = at.to_owned();
        Err(Problem::Slow { at, patience })
    })
}

/// Reads `MOVED slot host:port`; an empty host is that of the server that says so.
fn moved(answer: &str, by: &HostPort) -> Option<HostPort> {
    let mut words = answer.split(' ');
    if words.next() != Some("MOVED") {
        return None;
    }
    let (host, port) = words.nth(1)?.rsplit_once(':')?;
    let host = if host.is_empty() { &by.host } else { host };
    Some(HostPort {
        host: host.to_owned(),
        port: port.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> HostPort {
        let (host, port) = text.rsplit_once(':').unwrap();
        HostPort {
            host: host.to_owned(),
            port: port.parse().unwrap(),
        }
    }

    #[test]
    fn server_that_a_cluster_names_is_read() {
        let by = server("10.0.0.1:7000");
        let cases = [
            ("MOVED 3999 10.0.0.2:7001", Some("10.0.0.2:7001")),
            ("MOVED 3999 :7001", Some("10.0.0.1:7001")),
            ("MOVED 3999 fe80::1:7001", Some("fe80::1:7001")),
            ("MOVED 3999", None),
            ("MOVED 3999 host:port", None),
            ("NOPERM no", None),
        ];
        for (answer, expected) in cases {
            assert_eq!(moved(answer, &by), expected.map(server), "{answer:?}");
        }
    }
}
