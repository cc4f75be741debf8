//! One WebSocket client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use raftwire_environment::{Environment, TcpStream};
use raftwire_protocol::Frame;
use tokio::sync::{mpsc, oneshot};

use super::DemoError;
use super::nodes::NAMES;
use crate::client::protocol::{Outcome, SUBPROTOCOL, ToClient};
use crate::websocket_engine::{ConnectError, Received, Target, WebSocket, connect};

/// Bytes of the largest message that goes either way: they are a few words long.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Sends that wait for the client's task.
const COMMANDS_MAX: usize = 16;
/// How long one client may take to connect, among hundreds that do.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a client does with a message: its sequence number and text.
pub(super) type OnMessage = Arc<dyn Fn(u64, &str) + Send + Sync>;

/// A connected client. Its socket closes when it is dropped.
#[derive(Clone, Debug)]
pub(super) struct DemoClient {
    /// Its connection's id.
    pub(super) id: String,
    /// The node that holds it.
    pub(super) node: usize,
    commands: mpsc::Sender<Command>,
}

#[derive(Debug)]
struct Command {
    to: String,
    text: String,
    answer: oneshot::Sender<Outcome>,
}

/// Frames as they are written by hand in any language.
#[derive(serde::Serialize)]
struct SendMessage<'a> {
    r#type: &'static str,
    id: u64,
    to: &'a str,
    text: &'a str,
}

impl DemoClient {
    /// Connects to a node and waits for its welcome.
    pub(super) async fn connect(
        environment: &Environment,
        (node, port): (usize, u16),
        on_message: OnMessage,
    ) -> Result<DemoClient, DemoError> {
        let failed = |source| DemoError::Connect {
            node: NAMES[node],
            source,
        };
        let opening = open(environment, port);
        let (id, socket) = match tokio::time::timeout(CONNECT_TIMEOUT, opening).await {
            Ok(opened) => opened.map_err(failed)?,
            Err(_) => return Err(failed(ConnectError::Failed("no answer".to_owned()))),
        };
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let task = ClientTask {
            socket,
            inbox,
            on_message,
            next_id: 1,
            waiting: BTreeMap::new(),
        };
        drop(environment.spawn("demo client", task.run()));
        Ok(DemoClient { id, node, commands })
    }

    /// Sends a text. `None`: this client's socket ended before the outcome came.
    ///
    /// The order of calls is the order of sends only if each future is polled in that order.
    pub(super) async fn send(&self, to: &str, text: String) -> Option<Outcome> {
        let (answer, outcome) = oneshot::channel();
        let command = Command {
            to: to.to_owned(),
            text,
            answer,
        };
        self.commands.send(command).await.ok()?;
        outcome.await.ok()
    }
}

async fn open(
    environment: &Environment,
    port: u16,
) -> Result<(String, WebSocket<TcpStream>), ConnectError> {
    let failed = |error: String| ConnectError::Failed(error);
    let stream = environment
        .connect("127.0.0.1", port)
        .await
        .map_err(|e| failed(e.to_string()))?;
    let target = Target {
        host: &format!("127.0.0.1:{port}"),
        path: "/ws",
        protocol: SUBPROTOCOL,
        received_bytes_max: MESSAGE_BYTES_MAX,
    };
    let mut socket = connect(stream, target, environment).await?;
    match socket.receive().await {
        Some(Ok(Received::Message(frame))) => match parse(&frame) {
            Some(ToClient::Welcome { connection, .. }) => Ok((connection, socket)),
            Some(_) | None => Err(failed("the first message is no welcome".to_owned())),
        },
        Some(Ok(other)) => Err(failed(format!("instead of a welcome: {other:?}"))),
        Some(Err(error)) => Err(failed(error.to_string())),
        None => Err(failed("closed before its welcome".to_owned())),
    }
}

fn parse(frame: &Frame) -> Option<ToClient<'_>> {
    serde_json::from_slice(frame.payload()).ok()
}

struct ClientTask {
    socket: WebSocket<TcpStream>,
    inbox: mpsc::Receiver<Command>,
    on_message: OnMessage,
    next_id: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Outcome>>,
}

impl ClientTask {
    async fn run(mut self) {
        loop {
            tokio::select! {
                command = self.inbox.recv() => match command {
                    Some(command) => if self.send(command).await.is_err() { return },
                    None => return,
                },
                received = self.socket.receive() => match received {
                    Some(Ok(Received::Message(frame))) => self.hear(&frame),
                    Some(Ok(Received::Heartbeat)) => {}
                    Some(Ok(Received::Close(_)) | Err(_)) | None => return,
                },
            }
        }
    }

    async fn send(&mut self, command: Command) -> Result<(), crate::websocket_engine::EngineError> {
        let id = self.next_id;
        self.next_id += 1;
        let send = SendMessage {
            r#type: "send",
            id,
            to: &command.to,
            text: &command.text,
        };
        // Strings and numbers always have a JSON form.
        let frame = Frame::text(serde_json::to_string(&send).unwrap_or_default());
        self.waiting.insert(id, command.answer);
        self.socket.send(frame).await
    }

    fn hear(&mut self, frame: &Frame) {
        match parse(frame) {
            Some(ToClient::Message { seq, text }) => (self.on_message)(seq, &text),
            Some(ToClient::Result { id, outcome }) => {
                if let Some(answer) = self.waiting.remove(&id) {
                    // Who asked may have gone.
                    drop(answer.send(outcome));
                }
            }
            Some(_) | None => {}
        }
    }
}
