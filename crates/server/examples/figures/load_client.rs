//! A client that keeps a number of acknowledged sends in flight.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use raftwire_environment::{Environment, TcpStream};
use raftwire_protocol::Frame;
use raftwire_server::client::protocol::{Outcome, SUBPROTOCOL, ToClient};
use raftwire_server::websocket_engine::{Received, Target, WebSocket, connect};

const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Handshakes at a time.
const CONNECTING_MAX: usize = 64;

pub(crate) struct LoadClient {
    environment: Environment,
    pub(crate) id: String,
    socket: WebSocket<TcpStream>,
    next: u64,
    sent: BTreeMap<u64, Instant>,
}

/// What a client saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) latencies: Vec<Duration>,
    /// When each result came.
    pub(crate) arrivals: Vec<Instant>,
    pub(crate) failures: BTreeMap<String, u64>,
}

impl LoadClient {
    pub(crate) async fn connect(
        environment: &Environment,
        port: u16,
    ) -> Result<LoadClient, Box<dyn Error>> {
        LoadClient::connect_as(environment, port, "").await
    }

    /// Connects with this query, as in `name=alice`.
    pub(crate) async fn connect_as(
        environment: &Environment,
        port: u16,
        query: &str,
    ) -> Result<LoadClient, Box<dyn Error>> {
        let stream = environment.connect("127.0.0.1", port).await?;
        let target = Target {
            host: &format!("127.0.0.1:{port}"),
            path: &format!("/ws?{query}"),
            protocol: SUBPROTOCOL,
            received_bytes_max: MESSAGE_BYTES_MAX,
        };
        let mut socket = connect(stream, target, environment).await?;
        let Some(Ok(Received::Message(frame))) = socket.receive().await else {
            return Err("no welcome".into());
        };
        let ToClient::Welcome { connection, .. } = serde_json::from_slice(frame.payload())? else {
            return Err("something else than a welcome".into());
        };
        let environment = environment.clone();
        Ok(LoadClient {
            environment,
            id: connection,
            socket,
            next: 0,
            sent: BTreeMap::new(),
        })
    }

    /// So many clients, each with a name: `PREFIX0`, `PREFIX1` and so on.
    pub(crate) async fn connect_named(
        environment: &Environment,
        port: u16,
        prefix: &str,
        count: usize,
    ) -> Result<Vec<LoadClient>, Box<dyn Error>> {
        let connecting = (0..count).map(|number| async move {
            LoadClient::connect_as(environment, port, &format!("name={prefix}{number}")).await
        });
        let connecting = stream::iter(connecting).buffer_unordered(CONNECTING_MAX);
        connecting.try_collect().await
    }

    /// Sends one message to each of these, one after the other; how long each result took.
    pub(crate) async fn send_to_each(
        &mut self,
        targets: &[String],
    ) -> Result<Vec<Duration>, Box<dyn Error>> {
        let mut latencies = Vec::with_capacity(targets.len());
        for to in targets {
            self.send(to, "tick").await?;
            let outcome = self.result().await?;
            if outcome.outcome != "delivered" {
                return Err(format!("to {to}: {outcome:?}").into());
            }
            latencies.extend(
                self.sent
                    .pop_first()
                    .map(|(_, at)| self.environment.now() - at),
            );
        }
        Ok(latencies)
    }

    async fn result(&mut self) -> Result<Outcome, Box<dyn Error>> {
        while let Some(received) = self.socket.receive().await {
            if let Received::Message(frame) = received?
                && let ToClient::Result { outcome, .. } = serde_json::from_slice(frame.payload())?
            {
                return Ok(outcome);
            }
        }
        Err("the connection has ended".into())
    }

    /// Receives for ever: a target.
    pub(crate) async fn listen(mut self) {
        while let Some(Ok(_)) = self.socket.receive().await {}
    }

    /// Sends to `to` with `in_flight` unanswered at a time until `until`.
    pub(crate) async fn load(
        mut self,
        to: String,
        payload: String,
        in_flight: usize,
        until: Instant,
    ) -> Seen {
        let mut seen = Seen::default();
        for _ in 0..in_flight {
            if self.send(&to, &payload).await.is_err() {
                return seen;
            }
        }
        while self.environment.now() < until {
            let Some(Ok(received)) = self.socket.receive().await else {
                break;
            };
            let Received::Message(frame) = received else {
                continue;
            };
            let Ok(ToClient::Result { id, outcome }) = serde_json::from_slice(frame.payload())
            else {
                continue;
            };
            let now = self.environment.now();
            if let Some(at) = self.sent.remove(&id) {
                seen.latencies.push(now - at);
                seen.arrivals.push(now);
            }
            if outcome.outcome != "delivered" {
                *seen
                    .failures
                    .entry(outcome.outcome.into_owned())
                    .or_default() += 1;
            }
            if self.send(&to, &payload).await.is_err() {
                break;
            }
        }
        seen
    }

    /// Sends to `to` for ever, with a pause after each, and reads what is answered.
    pub(crate) async fn send_on(mut self, to: String, payload: String, pause: Duration) {
        let mut ticks = tokio::time::interval(pause);
        loop {
            let goes_on = tokio::select! {
                _ = ticks.tick() => self.send(&to, &payload).await.is_ok(),
                received = self.socket.receive() => matches!(received, Some(Ok(_))),
            };
            if !goes_on {
                return;
            }
        }
    }

    async fn send(&mut self, to: &str, text: &str) -> Result<(), Box<dyn Error>> {
        self.next += 1;
        let id = self.next;
        let request = serde_json::json!({ "type": "send", "id": id, "to": to, "text": text });
        self.sent.insert(id, self.environment.now());
        self.socket.send(Frame::text(request.to_string())).await?;
        Ok(())
    }
}
