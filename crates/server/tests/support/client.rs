//! A client of `raftwire.v1` by an independent WebSocket library.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderName, HeaderValue, Uri};
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

use super::WAIT_MAX;

/// A socket, with or without TLS.
trait Io: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug {}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug> Io for IO {}

/// A connected client.
#[derive(Debug)]
pub struct Client {
    pub id: String,
    pub welcome: Value,
    socket: WebSocketStream<Box<dyn Io>>,
    next_id: u64,
}

/// What a client hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    Json(Value),
    Binary(Vec<u8>),
    Closed(Closed),
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// `None`: without a close frame.
    pub code: Option<u16>,
    pub reason: String,
}

impl Client {
    /// Connects, and reads the welcome.
    pub async fn connect(port: u16) -> Client {
        Client::try_connect(port).await.expect("welcomed")
    }

    /// The same; `None`: the node has not welcomed it.
    pub async fn try_connect(port: u16) -> Option<Client> {
        Client::try_connect_as(port, "").await
    }

    /// Connects with this query, as in `user=alice`.
    pub async fn connect_as(port: u16, query: &str) -> Client {
        Client::try_connect_as(port, query).await.expect("welcomed")
    }

    /// The same; `None`: the node has not welcomed it.
    pub async fn try_connect_as(port: u16, query: &str) -> Option<Client> {
        let socket = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        Client::welcomed(port, query, Box::new(socket)).await
    }

    /// The same over TLS.
    pub async fn connect_over_tls(port: u16, config: Arc<ClientConfig>) -> Client {
        let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let host = "localhost".try_into().unwrap();
        let connecting = TlsConnector::from(config).connect(host, socket);
        let socket = connecting.await.expect("a TLS connection");
        let welcomed = Client::welcomed(port, "", Box::new(socket)).await;
        welcomed.expect("welcomed")
    }

    async fn welcomed(port: u16, query: &str, socket: Box<dyn Io>) -> Option<Client> {
        let uri: Uri = format!("ws://127.0.0.1:{port}/ws?{query}").parse().unwrap();
        let protocol = (
            HeaderName::from_static("sec-websocket-protocol"),
            HeaderValue::from_static("raftwire.v1"),
        );
        let builder = ClientBuilder::from_uri(uri)
            .add_header(protocol.0, protocol.1)
            .unwrap();
        let connecting = tokio::time::timeout(WAIT_MAX, builder.connect_on(socket));
        let (socket, response) = connecting.await.ok()?.ok()?;
        assert_eq!(response.headers()["sec-websocket-protocol"], "raftwire.v1");
        let mut client = Client {
            id: String::new(),
            welcome: Value::Null,
            socket,
            next_id: 1,
        };
        let Heard::Json(welcome) = client.hear().await else {
            return None;
        };
        assert_eq!(welcome["type"], "welcome");
        client.id = welcome["connection"].as_str()?.to_owned();
        client.welcome = welcome;
        Some(client)
    }

    /// The next thing that the node says.
    pub async fn hear(&mut self) -> Heard {
        self.hear_within(WAIT_MAX)
            .await
            .expect("the node says something")
    }

    /// The same; `None`: nothing in this time. Pings are answered meanwhile.
    pub async fn hear_within(&mut self, time: Duration) -> Option<Heard> {
        tokio::time::timeout(time, self.listen()).await.ok()
    }

    async fn listen(&mut self) -> Heard {
        loop {
            let Some(Ok(message)) = self.socket.next().await else {
                return Heard::Closed(Closed {
                    code: None,
                    reason: String::new(),
                });
            };
            if let Some(text) = message.as_text() {
                return Heard::Json(serde_json::from_str(text).expect(text));
            }
            if message.is_binary() {
                return Heard::Binary(message.into_payload().to_vec());
            }
            if let Some((code, reason)) = message.as_close() {
                let reason = reason.to_owned();
                return Heard::Closed(Closed {
                    code: Some(code.into()),
                    reason,
                });
            }
        }
    }

    /// The next thing, which must be JSON.
    pub async fn json(&mut self) -> Value {
        match self.hear().await {
            Heard::Json(value) => value,
            other => panic!("no JSON: {other:?}"),
        }
    }

    /// The end of the connection, whatever is said before it.
    pub async fn closed(&mut self) -> Closed {
        loop {
            if let Heard::Closed(closed) = self.hear().await {
                return closed;
            }
        }
    }

    /// Says a text, whatever it is.
    pub async fn say(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    /// Says bytes, whatever they are.
    pub async fn say_bytes(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::binary(bytes)).await.unwrap();
    }

    /// Closes with this code, and waits until the node has answered.
    pub async fn close(mut self, code: u16) {
        let code = code.try_into().unwrap();
        self.socket
            .send(Message::close(Some(code), ""))
            .await
            .unwrap();
        self.closed().await;
    }

    /// Buffers a text without flushing; an error: the connection has ended.
    pub async fn feed(&mut self, text: impl Into<String>) -> Result<(), tokio_websockets::Error> {
        self.socket.feed(Message::text(text.into())).await
    }

    /// Flushes what was buffered.
    pub async fn flush(&mut self) -> Result<(), tokio_websockets::Error> {
        self.socket.flush().await
    }

    /// Sends a text to a connection; returns the id of the request.
    pub async fn send(&mut self, to: &str, text: &str) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.say(json!({"type": "send", "id": id, "to": to, "text": text}).to_string())
            .await;
        id
    }

    /// Asks for something, with an id of its own, and waits for the answer, which must be the next
    /// thing that is heard.
    pub async fn ask(&mut self, mut request: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        request["id"] = json!(id);
        self.say(request.to_string()).await;
        let answer = self.json().await;
        assert_eq!(answer["id"], json!(id), "{answer}");
        answer
    }

    /// The same; `None`: the connection has ended.
    pub async fn try_send(&mut self, to: &str, text: &str) -> Option<u64> {
        let id = self.next_id;
        self.next_id += 1;
        let request = json!({"type": "send", "id": id, "to": to, "text": text}).to_string();
        self.feed(request).await.ok()?;
        self.flush().await.ok()?;
        Some(id)
    }

    /// Sends a text and waits for its result, which must be the next thing that is heard.
    pub async fn send_and_learn(&mut self, to: &str, text: &str) -> Value {
        let id = self.send(to, text).await;
        let result = self.json().await;
        assert_eq!(
            (&result["type"], &result["id"]),
            (&json!("result"), &json!(id))
        );
        result
    }
}
