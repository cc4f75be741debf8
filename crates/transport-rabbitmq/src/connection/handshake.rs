use std::future::Future;
use std::sync::Arc;

use raftwire_environment::Environment;
use raftwire_transport::broker::{self, HostPort};
use rustls::ClientConfig;

use super::{Connection, Problem};
use crate::RabbitMQConnectionString;
use crate::amqp::{Login, Method};
use crate::bundle::MESSAGE_BYTES_MAX;

/// The largest frame that is asked for, and taken before there is an agreement: RabbitMQ's default.
const FRAME_BYTES_MAX: usize = 128 * 1024;

/// The least that a server may agree to (4.2.3).
const FRAME_BYTES_LEAST: usize = 4096;

/// How to reach a broker and log in to it.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) string: &'a RabbitMQConnectionString,
    pub(crate) tls: Option<&'a Arc<ClientConfig>>,
}

impl Access<'_> {
    /// Does something within the time that the connection string gives for connecting.
    pub(crate) async fn patiently<T>(
        &self,
        server: &HostPort,
        doing: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let patience = self.string.connect_timeout();
        let done = tokio::time::timeout(patience, doing).await;
        done.unwrap_or_else(|_| {
            let at = server.to_string();
            Err(Problem::Slow { at, patience })
        })
    }
}

/// Connects to a server, logs in, and opens the channel (2.2.4). Sets no time limit.
pub(crate) async fn open(
    access: &Access<'_>,
    server: &HostPort,
    connection_name: &str,
) -> Result<Connection, Problem> {
    let Access {
        environment,
        string,
        tls,
    } = access;
    let at = server.to_string();
    let socket = broker::connect(environment, server, *tls, string.tls_host()).await?;
    let mut connection = Connection::new(socket, at.clone(), FRAME_BYTES_MAX, MESSAGE_BYTES_MAX);
    connection.commands.writer().protocol_header();
    match connection.answer().await? {
        Method::Start { mechanisms } if mechanisms.split(' ').any(|name| name == "PLAIN") => {}
        Method::Start { mechanisms } => return Err(Problem::NoPlain { at, mechanisms }),
        _ => return Err(connection.frames.unexpected()),
    }
    connection.commands.writer().start_ok(&Login {
        user: string.user(),
        password: string.password(),
        connection_name,
    });
    let Method::Tune { frame_bytes_max } = connection.answer().await? else {
        return Err(connection.frames.unexpected());
    };
    // 0 stands for no limit.
    let theirs = match usize::try_from(frame_bytes_max) {
        Ok(0) | Err(_) => FRAME_BYTES_MAX,
        Ok(bytes) => bytes.max(FRAME_BYTES_LEAST),
    };
    connection.agree_on_frames(theirs.min(FRAME_BYTES_MAX));
    let heartbeat = u16::try_from(string.heartbeat().as_secs()).unwrap_or(u16::MAX);
    connection.commands.writer().tune_ok(heartbeat);
    connection.ask(|writer| writer.open(string.vhost())).await?;
    connection.ask(|writer| writer.open_channel()).await?;
    Ok(connection)
}
