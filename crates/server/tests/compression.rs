//! Compressed messages, by a client that has another library for them.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // sockets of its own

mod support;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush};
use serde_json::{Value, json};
use support::{Client, Cluster, Settings, WAIT_MAX};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What browsers offer.
const OFFER: &str = "permessage-deflate; client_max_window_bits";
/// What is answered to it.
const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// A client that reads and writes frames itself.
struct Deflating {
    stream: TcpStream,
    /// What was agreed on.
    answer: Option<String>,
    id: String,
}

/// What a node has sent.
struct Said {
    /// The first byte: what it is, and whether it is compressed.
    first: u8,
    payload: Vec<u8>,
}

impl Said {
    fn is_deflated(&self) -> bool {
        self.first & 0x40 != 0
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap()
    }
}

impl Deflating {
    async fn connect(port: u16) -> Deflating {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!(
            "GET /ws?user=alice HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: raftwire.v1\r\nSec-WebSocket-Extensions: {OFFER}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let answer = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("sec-websocket-extensions")
                .then(|| value.to_owned())
        });
        let mut client = Deflating {
            stream,
            answer,
            id: String::new(),
        };
        let welcome = client.hear().await.json();
        client.id = welcome["connection"].as_str().unwrap().to_owned();
        client
    }

    /// Says a text in a compressed message.
    async fn say(&mut self, deflated: &[u8]) {
        let mut frame = vec![0xc1, 0x80 | 127];
        match u16::try_from(deflated.len()) {
            Ok(len @ 0..126) => frame[1] = 0x80 | len as u8,
            Ok(len) => {
                frame[1] = 0x80 | 126;
                frame.extend_from_slice(&len.to_be_bytes());
            }
            Err(_) => frame.extend_from_slice(&(deflated.len() as u64).to_be_bytes()),
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(deflated);
        self.stream.write_all(&frame).await.unwrap();
    }

    async fn hear(&mut self) -> Said {
        tokio::time::timeout(WAIT_MAX, self.read()).await.unwrap()
    }

    async fn read(&mut self) -> Said {
        let first = self.stream.read_u8().await.unwrap();
        let len = match self.stream.read_u8().await.unwrap() {
            126 => usize::from(self.stream.read_u16().await.unwrap()),
            127 => self.stream.read_u64().await.unwrap() as usize,
            short => usize::from(short),
        };
        let mut payload = vec![0; len];
        self.stream.read_exact(&mut payload).await.unwrap();
        let said = Said { first, payload };
        if !said.is_deflated() {
            return said;
        }
        let mut out = vec![0; 1 << 20];
        let whole = [&said.payload[..], &[0, 0, 0xff, 0xff]].concat();
        let mut state = InflateState::new_boxed(DataFormat::Raw);
        let done = inflate(&mut state, &whole, &mut out, MZFlush::Sync);
        assert_eq!(done.bytes_consumed, whole.len());
        out.truncate(done.bytes_written);
        Said {
            first,
            payload: out,
        }
    }

    /// The code of the close that comes next.
    async fn close_code(&mut self) -> u16 {
        let said = self.hear().await;
        assert_eq!(said.first, 0x88);
        u16::from_be_bytes([said.payload[0], said.payload[1]])
    }
}

/// As it stands in a message: a stream that ends, and what begins an empty block after it.
fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut bytes = compress_to_vec(payload, 6);
    bytes.push(0);
    bytes
}

async fn compressing() -> Cluster {
    let settings = Settings::default()
        .with_flag("client-compression", "true")
        .with_flag("client-identity-in-query", "true")
        .with_flag("client-message-bytes-max", "64 KiB");
    Cluster::start_with(1, &settings).await
}

#[tokio::test]
async fn by_default_no_offer_of_compression_is_answered() {
    let cluster = Cluster::start(1).await;
    let mut client = Deflating::connect(cluster.node(0).port).await;
    assert_eq!(client.answer, None);

    client.say(&deflated(b"{\"type\":\"ping\"}")).await;

    let code = client.close_code().await;
    assert_eq!(code, 1002, "a bit that nothing was agreed on for");
}

#[tokio::test]
async fn all_hear_the_same_whether_they_compress_or_not() {
    let cluster = compressing().await;
    let port = cluster.node(0).port;
    let mut deflating = [
        Deflating::connect(port).await,
        Deflating::connect(port).await,
    ];
    let mut plain = Client::connect_as(port, "user=alice").await;
    let mut sender = Client::connect(port).await;
    let text = "compressed or not, ".repeat(2_000);

    // The first has heard something before, so that the numbers of the two differ.
    assert_eq!(deflating[0].answer.as_deref(), Some(ANSWER));
    let ping = deflated(b"{\"type\":\"ping\",\"id\":4}");
    deflating[0].say(&ping).await;
    assert_eq!(
        deflating[0].hear().await.json(),
        json!({"type": "pong", "id": 4})
    );
    sender.send_and_learn(&deflating[0].id, "small").await;
    let small = deflating[0].hear().await;
    assert!(!small.is_deflated(), "it would gain nothing");
    assert_eq!(small.json()["text"], "small");

    let request = json!({"type": "send", "user": "alice", "text": text});
    assert_eq!(sender.ask(request).await["delivered"], 3);

    assert_eq!(plain.json().await["text"], text);
    for (client, seq) in deflating.iter_mut().zip([2, 1]) {
        let said = client.hear().await;
        assert!(said.is_deflated());
        assert_eq!(
            said.json(),
            json!({"type": "message", "seq": seq, "text": text})
        );
    }
}

#[tokio::test]
async fn wrong_compressed_messages_close_with_the_code_that_fits() {
    let cluster = compressing().await;
    let port = cluster.node(0).port;
    // A few kilobytes of which each would be a thousand.
    let bomb = deflated(&vec![b' '; 16 << 20]);
    assert!(bomb.len() < 20_000);
    let cases = [
        (bomb, 1009),
        (b"no deflate".to_vec(), 1002),
        (deflated(b"\xc3\x28"), 1007),
    ];
    for (payload, code) in cases {
        let mut client = Deflating::connect(port).await;
        client.say(&payload).await;
        assert_eq!(client.close_code().await, code);
    }
}
