use bytes::{BufMut, Bytes, BytesMut};

use super::{CHANNEL, FRAME_END, FRAME_OVERHEAD_BYTES, MESSAGE_ID_FLAG, class, kind};

/// Writes frames to a buffer.
pub(crate) struct Writer<'a> {
    buffer: &'a mut BytesMut,
    frame_bytes_max: usize,
}

/// Who logs in, and what the server lists the connection as.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) connection_name: &'a str,
}

/// A queue that one connection has for itself.
pub(crate) struct Queue<'a> {
    pub(crate) name: &'a str,
    pub(crate) messages_max: i64,
    pub(crate) bytes_max: i64,
    pub(crate) ttl_milliseconds: Option<i64>,
}

/// What this client understands beside the specification.
const CAPABILITIES: [&str; 5] = [
    "authentication_failure_close",
    "basic.nack",
    "connection.blocked",
    "consumer_cancel_notify",
    "publisher_confirms",
];

/// `exclusive` and `auto-delete` of a queue's declaration.
const EXCLUSIVE_AND_AUTO_DELETED: u8 = 0b0000_1100;

/// `durable` of an exchange's declaration.
const DURABLE: u8 = 0b0000_0010;

/// `exclusive` of a consumer.
const EXCLUSIVE_CONSUMER: u8 = 0b0000_0100;

/// `mandatory` of a message.
const MANDATORY: u8 = 1;

/// `multiple` of an acknowledgement.
const MULTIPLE: u8 = 1;

impl<'a> Writer<'a> {
    pub(crate) fn new(buffer: &'a mut BytesMut, frame_bytes_max: usize) -> Self {
        Self {
            buffer,
            frame_bytes_max,
        }
    }

    /// What a client says first (4.2.2).
    pub(crate) fn protocol_header(&mut self) {
        self.buffer.put_slice(b"AMQP\0\0\x09\x01");
    }

    pub(crate) fn start_ok(&mut self, login: &Login<'_>) {
        self.on(0, class::CONNECTION, 11, |out| {
            table(out, |out| {
                text_field(out, "product", "raftwire");
                text_field(out, "version", env!("CARGO_PKG_VERSION"));
                text_field(out, "connection_name", login.connection_name);
                short(out, "capabilities");
                out.put_u8(b'F');
                table(out, |out| {
                    for capability in CAPABILITIES {
                        short(out, capability);
                        out.put_slice(b"t\x01");
                    }
                });
            });
            short(out, "PLAIN");
            // An identity to act for, which is none; the user; the password (RFC 4616).
            let response = ["", login.user, login.password].join("\0");
            long(out, response.as_bytes());
            short(out, "en_US");
        });
    }

    pub(crate) fn tune_ok(&mut self, heartbeat_seconds: u16) {
        let frame_bytes_max = u32::try_from(self.frame_bytes_max).unwrap_or(u32::MAX);
        self.on(0, class::CONNECTION, 31, |out| {
            out.put_u16(CHANNEL);
            out.put_u32(frame_bytes_max);
            out.put_u16(heartbeat_seconds);
        });
    }

    pub(crate) fn open(&mut self, vhost: &str) {
        self.on(0, class::CONNECTION, 40, |out| {
            short(out, vhost);
            out.put_slice(&[0, 0]);
        });
    }

    pub(crate) fn open_channel(&mut self) {
        self.method(class::CHANNEL, 10, |out| out.put_u8(0));
    }

    /// Declares an exchange that routes by equal keys and stays.
    pub(crate) fn declare_exchange(&mut self, name: &str) {
        self.method(class::EXCHANGE, 10, |out| {
            out.put_u16(0);
            short(out, name);
            short(out, "direct");
            out.put_u8(DURABLE);
            table(out, |_| {});
        });
    }

    pub(crate) fn declare_queue(&mut self, queue: &Queue<'_>) {
        self.method(class::QUEUE, 10, |out| {
            out.put_u16(0);
            short(out, queue.name);
            out.put_u8(EXCLUSIVE_AND_AUTO_DELETED);
            table(out, |out| {
                // Whatever a virtual host has as its default type.
                text_field(out, "x-queue-type", "classic");
                number_field(out, "x-max-length", queue.messages_max);
                number_field(out, "x-max-length-bytes", queue.bytes_max);
                // The default drops from the queue's head what was confirmed already.
                text_field(out, "x-overflow", "reject-publish");
                if let Some(ttl) = queue.ttl_milliseconds {
                    number_field(out, "x-message-ttl", ttl);
                }
            });
        });
    }

    pub(crate) fn bind_queue(&mut self, queue: &str, exchange: &str, key: &str) {
        self.method(class::QUEUE, 20, |out| {
            out.put_u16(0);
            short(out, queue);
            short(out, exchange);
            short(out, key);
            out.put_u8(0);
            table(out, |_| {});
        });
    }

    /// Bounds what may be delivered to this channel's consumer before it is acknowledged.
    pub(crate) fn prefetch(&mut self, messages: u16) {
        self.method(class::BASIC, 10, |out| {
            out.put_u32(0);
            out.put_u16(messages);
            out.put_u8(0);
        });
    }

    pub(crate) fn consume(&mut self, queue: &str) {
        self.method(class::BASIC, 20, |out| {
            out.put_u16(0);
            short(out, queue);
            // The server finds a name.
            short(out, "");
            out.put_u8(EXCLUSIVE_CONSUMER);
            table(out, |_| {});
        });
    }

    pub(crate) fn select_confirms(&mut self) {
        self.method(class::CONFIRM, 10, |out| out.put_u8(0));
    }

    /// Acknowledges all deliveries up to this one.
    pub(crate) fn acknowledge(&mut self, tag: u64) {
        self.method(class::BASIC, 80, |out| {
            out.put_u64(tag);
            out.put_u8(MULTIPLE);
        });
    }

    /// Publishes a message, which is kept in memory only. One that is mandatory comes back when it
    /// reaches no queue.
    pub(crate) fn publish(
        &mut self,
        exchange: &str,
        key: &str,
        mandatory: bool,
        id: u64,
        body_bytes: usize,
        parts: impl IntoIterator<Item = Bytes>,
    ) {
        self.method(class::BASIC, 40, |out| {
            out.put_u16(0);
            short(out, exchange);
            short(out, key);
            out.put_u8(if mandatory { MANDATORY } else { 0 });
        });
        self.content(id, body_bytes, parts);
    }

    /// The header of a message, and its bytes, which come in parts.
    pub(super) fn content(
        &mut self,
        id: u64,
        body_bytes: usize,
        parts: impl IntoIterator<Item = Bytes>,
    ) {
        self.frame(kind::HEADER, CHANNEL, |out| {
            out.put_u16(class::BASIC);
            out.put_u16(0);
            out.put_u64(body_bytes as u64);
            out.put_u16(MESSAGE_ID_FLAG);
            short(out, &id.to_string());
        });
        let payload_bytes_max = self.frame_bytes_max - FRAME_OVERHEAD_BYTES;
        let mut left = body_bytes;
        // How much of the frame that was begun is still to come.
        let mut of_frame = 0;
        for mut part in parts {
            while !part.is_empty() {
                if of_frame == 0 {
                    of_frame = left.min(payload_bytes_max);
                    self.buffer.put_u8(kind::BODY);
                    self.buffer.put_u16(CHANNEL);
                    self.buffer.put_u32(of_frame as u32);
                }
                let piece = part.split_to(part.len().min(of_frame));
                self.buffer.put_slice(&piece);
                of_frame -= piece.len();
                left -= piece.len();
                if of_frame == 0 {
                    self.buffer.put_u8(FRAME_END);
                }
            }
        }
        debug_assert_eq!(
            (left, of_frame),
            (0, 0),
            "the parts are as long as was said"
        );
    }

    pub(crate) fn heartbeat(&mut self) {
        self.frame(kind::HEARTBEAT, 0, |_| {});
    }

    pub(crate) fn close(&mut self) {
        self.on(0, class::CONNECTION, 50, |out| {
            out.put_u16(200);
            short(out, "the transport stops");
            out.put_u32(0);
        });
    }

    pub(super) fn method(
        &mut self,
        class: u16,
        method: u16,
        arguments: impl FnOnce(&mut BytesMut),
    ) {
        self.on(CHANNEL, class, method, arguments);
    }

    fn on(&mut self, channel: u16, class: u16, method: u16, arguments: impl FnOnce(&mut BytesMut)) {
        self.frame(kind::METHOD, channel, |out| {
            out.put_u16(class);
            out.put_u16(method);
            arguments(out);
        });
    }

    fn frame(&mut self, kind: u8, channel: u16, payload: impl FnOnce(&mut BytesMut)) {
        self.buffer.put_u8(kind);
        self.buffer.put_u16(channel);
        with_length(self.buffer, payload);
        self.buffer.put_u8(FRAME_END);
    }
}

/// Writes something with its length in four bytes before it.
fn with_length(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    let at = out.len();
    out.put_u32(0);
    write(out);
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

fn table(out: &mut BytesMut, fields: impl FnOnce(&mut BytesMut)) {
    with_length(out, fields);
}

/// Texts that are longer than AMQP has room for were refused before.
fn short(out: &mut BytesMut, text: &str) {
    debug_assert!(text.len() <= usize::from(u8::MAX), "{text}");
    out.put_u8(text.len() as u8);
    out.put_slice(text.as_bytes());
}

fn long(out: &mut BytesMut, bytes: &[u8]) {
    with_length(out, |out| out.put_slice(bytes));
}

fn text_field(out: &mut BytesMut, name: &str, text: &str) {
    short(out, name);
    out.put_u8(b'S');
    long(out, text.as_bytes());
}

fn number_field(out: &mut BytesMut, name: &str, number: i64) {
    short(out, name);
    out.put_u8(b'l');
    out.put_i64(number);
}
