//! A bare publisher and a bare subscriber: what the broker itself passes on.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

#[path = "../../src/amqp/mod.rs"]
#[allow(dead_code, unused_imports)]
mod amqp;

use amqp::{Assembly, Incoming, Login, Method, Queue, Writer};

/// Bytes that the transport puts before a packet: the length, and the head of a node with a short
/// name.
const ENVELOPE_BYTES: usize = 4 + 70;

/// A message has as many packets as a bundle takes, where they wait for each other.
pub(crate) const BUNDLE_BYTES: usize = 64 * 1024;

const FRAME_BYTES_MAX: usize = 128 * 1024;
/// What the exchange and the queue of a pair are called, with the number of the pair: the broker keeps those of
/// one for some moments after its end.
const NAME: &str = "raftwire.throughput-bare";
const KEY: &str = "data.node.b";
const PREFETCH: u16 = 256;
const ACKNOWLEDGED_AT: u64 = 64;

/// Bytes on the way to the subscriber at a time, as in a channel's window.
const WINDOW_BYTES: u64 = 4 << 20;

type Failure = Box<dyn Error + Send + Sync>;

/// Packets a second, so many in a message that it has `message_bytes`, and one at least. Blocks.
pub(crate) fn measure(
    server: &str,
    packet_bytes: usize,
    message_bytes: usize,
    warm_up: Duration,
    length: Duration,
) -> Result<f64, Failure> {
    let packets = message_bytes.div_ceil(packet_bytes + ENVELOPE_BYTES).max(1);
    let body = Bytes::from(vec![7; packets * (packet_bytes + ENVELOPE_BYTES)]);
    static PAIRS: AtomicU64 = AtomicU64::new(0);
    let name = format!("{NAME}-{}", PAIRS.fetch_add(1, Ordering::Relaxed));
    let mut hearing = Client::connect(server)?;
    hearing.ask(|writer| writer.declare_exchange(&name))?;
    let queue = Queue {
        name: &name,
        messages_max: 65_536,
        bytes_max: 64 << 20,
        ttl_milliseconds: None,
    };
    hearing.ask(|writer| writer.declare_queue(&queue))?;
    hearing.ask(|writer| writer.bind_queue(&name, &name, KEY))?;
    hearing.ask(|writer| writer.prefetch(PREFETCH))?;
    hearing.ask(|writer| writer.consume(&name))?;
    let mut publishing = Client::connect(server)?;
    publishing.ask(|writer| writer.select_confirms())?;
    let heard = Arc::new(AtomicU64::new(0));
    let messages = Arc::clone(&heard);
    let ends = [hearing.stream.try_clone()?, publishing.stream.try_clone()?];
    let threads = [
        spawn(move || hearing.hear(&messages)),
        spawn({
            let heard = Arc::clone(&heard);
            move || publishing.publish(&name, &body, &heard)
        }),
    ];

    std::thread::park_timeout(warm_up);
    let before = heard.load(Ordering::Relaxed);
    std::thread::park_timeout(length);
    let messages = heard.load(Ordering::Relaxed) - before;
    for end in ends {
        end.shutdown(std::net::Shutdown::Both)?;
    }
    for thread in threads {
        // They end with an error of their own: their connections have gone.
        let _ = thread.join();
    }
    Ok(messages as f64 * packets as f64 / length.as_secs_f64())
}

#[allow(clippy::disallowed_methods)] // a bare pair has no environment
fn spawn(
    run: impl FnOnce() -> Result<(), Failure> + Send + 'static,
) -> std::thread::JoinHandle<Result<(), Failure>> {
    std::thread::spawn(run)
}

struct Client {
    stream: TcpStream,
    buffer: BytesMut,
    assembly: Assembly,
}

impl Client {
    #[allow(clippy::disallowed_methods)] // a bare pair has no environment
    fn connect(server: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        let mut client = Self {
            stream,
            buffer: BytesMut::new(),
            assembly: Assembly::new(1 << 20),
        };
        client.ask(|writer| writer.protocol_header())?;
        client.ask(|writer| {
            writer.start_ok(&Login {
                user: "guest",
                password: "guest",
                connection_name: "bare",
            });
        })?;
        client.ask(|writer| {
            writer.tune_ok(60);
            writer.open("/");
        })?;
        client.ask(|writer| writer.open_channel())?;
        Ok(client)
    }

    fn say(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> Result<(), Failure> {
        let mut out = BytesMut::new();
        write(&mut Writer::new(&mut out, FRAME_BYTES_MAX));
        self.stream.write_all(&out)?;
        Ok(())
    }

    fn ask(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> Result<(), Failure> {
        self.say(write)?;
        match self.next()? {
            Incoming::Method(Method::Closed(closed)) => Err(closed.text.into()),
            _ => Ok(()),
        }
    }

    fn next(&mut self) -> Result<Incoming, Failure> {
        loop {
            while let Some(frame) = amqp::decode(&mut self.buffer, FRAME_BYTES_MAX)? {
                if let Some(incoming) = self.assembly.push(frame)? {
                    return Ok(incoming);
                }
            }
            let mut some = [0; 64 * 1024];
            match self.stream.read(&mut some)? {
                0 => return Err("closed".into()),
                bytes => self.buffer.extend_from_slice(&some[..bytes]),
            }
        }
    }

    fn hear(mut self, messages: &AtomicU64) -> Result<(), Failure> {
        loop {
            if let Incoming::Delivery { tag, .. } = self.next()? {
                messages.fetch_add(1, Ordering::Relaxed);
                if tag.is_multiple_of(ACKNOWLEDGED_AT) {
                    self.say(|writer| writer.acknowledge(tag))?;
                }
            }
        }
    }

    /// Publishes as much as the window takes, and waits for the broker's word when it is full.
    fn publish(mut self, name: &str, body: &Bytes, heard: &AtomicU64) -> Result<(), Failure> {
        let window = WINDOW_BYTES / body.len() as u64;
        let mut published = 0_u64;
        let mut confirmed = 0_u64;
        loop {
            while published - confirmed < window
                && published - heard.load(Ordering::Relaxed) < window
            {
                published += 1;
                let (bytes, parts) = (body.len(), [body.clone()]);
                self.say(|writer| writer.publish(name, KEY, true, published, bytes, parts))?;
            }
            if confirmed == published {
                // Everything is confirmed, and the subscriber behind: it is a matter of moments.
                std::thread::yield_now();
                continue;
            }
            match self.next()? {
                Incoming::Method(Method::Ack {
                    tag,
                    multiple: true,
                }) => confirmed = tag,
                Incoming::Method(Method::Ack { .. }) => confirmed += 1,
                Incoming::Method(Method::Closed(closed)) => return Err(closed.text.into()),
                _ => {}
            }
        }
    }
}
