//! Somebody who may use the broker, and says what he likes.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::{Bytes, BytesMut};

#[path = "../../src/amqp/mod.rs"]
#[allow(unused_imports)]
mod amqp;

use amqp::{Assembly, Incoming, Login, Method, Queue, Writer};

const FRAME_BYTES_MAX: usize = 128 * 1024;

/// More than any message has.
const MESSAGE_BYTES_MAX: u64 = 1 << 20;

/// A connection to the broker, with blocking calls.
pub struct Stranger {
    stream: TcpStream,
    buffer: BytesMut,
    assembly: Assembly,
    published: u64,
    /// What came while an answer was waited for.
    heard: VecDeque<Bytes>,
}

impl Stranger {
    pub fn connect(port: u16) -> Self {
        let mut stranger = Self {
            stream: TcpStream::connect(("127.0.0.1", port)).unwrap(),
            buffer: BytesMut::new(),
            assembly: Assembly::new(MESSAGE_BYTES_MAX),
            published: 0,
            heard: VecDeque::new(),
        };
        stranger.ask(|writer| writer.protocol_header());
        stranger.ask(|writer| {
            writer.start_ok(&Login {
                user: "guest",
                password: "guest",
                connection_name: "stranger",
            });
        });
        stranger.ask(|writer| {
            writer.tune_ok(60);
            writer.open("/");
        });
        stranger.ask(|writer| writer.open_channel());
        stranger
    }

    /// Hears what is published on an exchange with these keys.
    pub fn listen(&mut self, exchange: &str, keys: &[String]) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let queue = format!("stranger-{}-{number}", std::process::id());
        self.ask(|writer| {
            writer.declare_queue(&Queue {
                name: &queue,
                messages_max: 1 << 20,
                bytes_max: 1 << 30,
                ttl_milliseconds: None,
            });
        });
        for key in keys {
            self.ask(|writer| writer.bind_queue(&queue, exchange, key));
        }
        self.ask(|writer| writer.prefetch(0));
        self.ask(|writer| writer.consume(&queue));
    }

    /// A handle to end the connection with, from another thread.
    pub fn handle(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    pub fn publish(&mut self, exchange: &str, key: &str, message: &[u8]) -> std::io::Result<()> {
        self.published += 1;
        let mut out = BytesMut::new();
        let parts = [Bytes::copy_from_slice(message)];
        let mut writer = Writer::new(&mut out, FRAME_BYTES_MAX);
        writer.publish(exchange, key, false, self.published, message.len(), parts);
        self.stream.write_all(&out)
    }

    /// Waits until the broker has taken in what was published before.
    pub fn settle(&mut self) {
        self.ask(|writer| writer.prefetch(0));
    }

    /// The next message; `None` when the connection has ended.
    pub fn hear(&mut self) -> Option<Bytes> {
        if let Some(heard) = self.heard.pop_front() {
            return Some(heard);
        }
        loop {
            if let Incoming::Delivery { body, .. } = self.next()? {
                return body;
            }
        }
    }

    pub fn leave(self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn ask(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        let mut out = BytesMut::new();
        write(&mut Writer::new(&mut out, FRAME_BYTES_MAX));
        self.stream.write_all(&out).unwrap();
        loop {
            match self.next().expect("the broker answers") {
                Incoming::Method(Method::Closed(closed)) => panic!("{closed:?}"),
                Incoming::Method(_) => return,
                Incoming::Delivery { body, .. } => self.heard.extend(body),
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Option<Incoming> {
        loop {
            while let Some(frame) = amqp::decode(&mut self.buffer, FRAME_BYTES_MAX).unwrap() {
                if let Some(incoming) = self.assembly.push(frame).unwrap() {
                    return Some(incoming);
                }
            }
            let mut some = [0; 64 * 1024];
            match self.stream.read(&mut some) {
                Ok(0) | Err(_) => return None,
                Ok(bytes) => self.buffer.extend_from_slice(&some[..bytes]),
            }
        }
    }
}
