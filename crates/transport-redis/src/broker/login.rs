use std::sync::Arc;

use raftwire_environment::Environment;
use rustls::ClientConfig;

use super::Problem;
use super::stream::Connection;
use crate::resp::Value;
use crate::{RedisConnectionString, RedisOptions};
use raftwire_transport::broker::{self, HostPort};

/// How to reach a server and log in to it.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) environment: Environment,
    pub(crate) string: RedisConnectionString,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// What the server lists this node's connections as.
    pub(crate) name: String,
}

/// What a server has said about itself.
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) version: String,
    pub(super) is_replica: bool,
    pub(super) mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Standalone,
    Cluster,
    Sentinel,
}

impl Login {
    pub(crate) fn new(
        options: &RedisOptions,
        environment: &Environment,
        tls: Option<Arc<ClientConfig>>,
        name: String,
    ) -> Self {
        Self {
            environment: environment.clone(),
            string: options.connection.clone(),
            tls,
            name,
        }
    }

    /// Connects to a server and logs in, within the time that the connection string gives.
    pub(super) async fn open(&self, server: &HostPort) -> Result<(Connection, Greeting), Problem> {
        let patience = self.string.connect_timeout();
        let opened = async {
            let mut connection = self.connect(server).await?;
            let greeting = self.greet(&mut connection, server).await?;
            Ok((connection, greeting))
        };
        let opened = tokio::time::timeout(patience, opened).await;
        opened.unwrap_or_else(|_| {
            let at = server.to_string();
            Err(Problem::Slow { at, patience })
        })
    }

    async fn connect(&self, server: &HostPort) -> Result<Connection, Problem> {
        let tls_host = self.string.tls_host();
        let socket =
            broker::connect(&self.environment, server, self.tls.as_ref(), tls_host).await?;
        Ok(Connection::new(socket, server.to_string()))
    }

    /// Logs in and asks what the server is, in one command (Redis 6 and later).
    async fn greet(
        &self,
        connection: &mut Connection,
        server: &HostPort,
    ) -> Result<Greeting, Problem> {
        let mut hello: Vec<&[u8]> = vec![b"HELLO", b"2"];
        if let Some(password) = self.string.password() {
            let user = self.string.user().unwrap_or("default");
            hello.extend([&b"AUTH"[..], user.as_bytes(), password.as_bytes()]);
        }
        hello.extend([&b"SETNAME"[..], self.name.as_bytes()]);
        let at = server.to_string();
        let command = "HELLO";
        let fields = match connection.ask(&hello).await? {
            Value::Array(fields) => fields,
            Value::Error(answer) => {
                return Err(Problem::Refused {
                    at,
                    command,
                    answer: without_arguments(&answer).to_owned(),
                });
            }
            _ => return Err(Problem::Unexpected { at, command }),
        };
        let field = |name: &str| {
            let mut pairs = fields.chunks_exact(2);
            pairs
                .find(|pair| pair[0].text() == Some(name))
                .and_then(|pair| pair[1].text())
        };
        let mode = match field("mode") {
            Some("cluster") => Mode::Cluster,
            Some("sentinel") => Mode::Sentinel,
            _ => Mode::Standalone,
        };
        Ok(Greeting {
            version: field("version").unwrap_or_default().to_owned(),
            is_replica: matches!(field("role"), Some("replica" | "slave")),
            mode,
        })
    }
}

/// A server that does not know a command repeats what it was given, and that is the password.
fn without_arguments(answer: &str) -> &str {
    answer.split(", with args").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_of_an_old_server_shows_no_password() {
        let answer = "ERR unknown command `HELLO`, with args beginning with: `2`, `AUTH`, \
                      `default`, `hunter2`, ";

        assert_eq!(without_arguments(answer), "ERR unknown command `HELLO`");
    }
}
