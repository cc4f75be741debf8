//! What goes to a client, in order, coalesced.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use raftwire_protocol::{CloseCode, Frame, FrameKind};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Answered;
use super::protocol::binary::encode_delivered;
use super::protocol::{MessageEnvelope, ToClient};
use crate::websocket_engine::{EngineError, WebSocket, deflate};

/// Replies that may wait to be written before nothing more is read from the client: who does
/// not take the answers may not ask more.
const REPLIES_MAX: usize = 64;

/// Something that goes to the client.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A frame that was routed to the connection. It gets its sequence number when it is written.
    Deliver(Frame),
    /// The node's own words.
    Say(Frame),
    /// The brief answer to a send with this number.
    Delivered(u64),
    Ping,
    Close(CloseCode),
}

/// The queue to the socket. It is bounded by who fills it: one batch of the outbox at a time,
/// the sends in flight, and [`REPLIES_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Writer {
    queue: VecDeque<Outgoing>,
    /// The sequence number of the message written last.
    sequence: u64,
    /// Something was buffered and not flushed.
    buffered: bool,
}

impl Writer {
    pub(crate) fn push(&mut self, outgoing: Outgoing) {
        self.queue.push_back(outgoing);
    }

    pub(crate) fn answer(&mut self, answered: Answered) {
        match answered {
            Answered::Said(message) => self.say(&message),
            Answered::Delivered(id) => self.push(Outgoing::Delivered(id)),
        }
    }

    pub(crate) fn say(&mut self, message: &ToClient<'_>) {
        self.push(Outgoing::Say(message.encode()));
    }

    /// Whether everything was handed to the operating system.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.buffered
    }

    /// Whether nothing waits but what the socket's buffer has taken.
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the client may ask for more.
    pub(crate) fn takes_replies(&self) -> bool {
        self.queue.len() < REPLIES_MAX
    }

    /// Encodes into the socket's buffer as much as it takes.
    pub(crate) fn poll_fill<IO: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut WebSocket<IO>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), EngineError>> {
        while !self.queue.is_empty() {
            ready!(socket.poll_writable(context))?;
            self.buffered = true;
            match self.queue.pop_front() {
                Some(Outgoing::Deliver(frame)) => {
                    self.sequence += 1;
                    deliver(socket, &frame, self.sequence);
                }
                Some(Outgoing::Say(frame)) => socket.write(frame),
                Some(Outgoing::Delivered(id)) => {
                    let delivered = encode_delivered(id);
                    socket.write_parts(FrameKind::Binary, &delivered, &Bytes::new());
                }
                Some(Outgoing::Ping) => socket.write_ping(),
                Some(Outgoing::Close(code)) => {
                    self.queue.clear();
                    socket.write_close(code);
                }
                None => {}
            }
        }
        // The capacity of a burst is not kept for the days of silence after it.
        if self.queue.capacity() > 0 {
            self.queue = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when everything was handed to the operating system.
    pub(crate) fn poll_flush<IO: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut WebSocket<IO>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), EngineError>> {
        ready!(self.poll_fill(socket, context))?;
        if self.buffered {
            ready!(socket.poll_flush(context))?;
            self.buffered = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// Writes the message with this number. What its recipients have in common is compressed once for all to
/// whom it goes compressed.
fn deliver<IO: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocket<IO>,
    frame: &Frame,
    sequence: u64,
) {
    let envelope = MessageEnvelope::new(sequence, frame);
    let (kind, head, rest) = (frame.kind(), envelope.head(), envelope.rest());
    let deflated = socket.deflates(rest.len());
    let deflated = deflated.then(|| frame.compressed(|_| deflate(rest)));
    match deflated.flatten() {
        Some(rest) => socket.write_deflated(kind, head, rest),
        None => socket.write_parts(kind, head, rest),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use bytes::BytesMut;
    use raftwire_websocket::{
        Decoder, DeflateAgreement, Event, Inflater, Message, MessageKind, Role,
    };
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// Within what is compressed, and more than is copied behind its head, compressed or not.
    const TEXT_BYTES: usize = 40_000;

    /// What a client that offers this is written, if these are its messages after others.
    async fn written(offer: Option<&str>, after: u64, frames: &[Frame]) -> BytesMut {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let deflate = offer.and_then(|offer| DeflateAgreement::accept([offer]));
        assert_eq!(deflate.is_some(), offer.is_some());
        let mut socket = WebSocket::server(near, Bytes::new(), 0, deflate);
        let mut writer = Writer {
            sequence: after,
            ..Writer::default()
        };
        for frame in frames {
            writer.push(Outgoing::Deliver(frame.clone()));
        }
        poll_fn(|context| writer.poll_flush(&mut socket, context))
            .await
            .unwrap();
        drop(socket);
        let mut bytes = BytesMut::new();
        while far.read_buf(&mut bytes).await.unwrap() > 0 {}
        bytes
    }

    fn read(mut bytes: &[u8]) -> Vec<Message> {
        let mut decoder = Decoder::new(Role::Client, 1 << 20);
        let mut inflater = Inflater::default();
        let mut messages = Vec::new();
        while let Some(event) = decoder.decode_inflating(&mut bytes, &mut inflater).unwrap() {
            match event {
                Event::Message(message) => messages.push(message),
                other => panic!("{other:?}"),
            }
        }
        messages
    }

    /// What the client should read.
    fn expected(after: u64, frames: &[Frame]) -> Vec<Message> {
        let numbered = (after + 1..).zip(frames);
        let messages = numbered.map(|(sequence, frame)| {
            let envelope = MessageEnvelope::new(sequence, frame);
            Message {
                kind: match frame.kind() {
                    FrameKind::Text => MessageKind::Text,
                    FrameKind::Binary => MessageKind::Binary,
                },
                payload: [envelope.head(), envelope.rest()].concat().into(),
            }
        });
        messages.collect()
    }

    #[tokio::test]
    async fn each_client_reads_the_same_whatever_it_offers() {
        let frames = [
            Frame::text("\"quoted\" ".repeat(TEXT_BYTES / 9)).for_many(),
            Frame::binary(vec![7; TEXT_BYTES]).for_many(),
            Frame::text("small").for_many(),
            Frame::text("for one ".repeat(100)),
        ];
        let wire_bytes = frames.iter().map(Frame::len).sum::<usize>();
        let offers = [
            None,
            Some("permessage-deflate"),
            Some("permessage-deflate; client_max_window_bits; server_max_window_bits=15"),
            Some("permessage-deflate; server_max_window_bits=9"),
        ];
        for (after, offer) in (0..).zip(offers) {
            let bytes = written(offer, after * 100, &frames).await;
            assert_eq!(read(&bytes), expected(after * 100, &frames), "{offer:?}");
            // The window of the last is smaller than three of the messages.
            let is_compressed = bytes.len() < wire_bytes / 10;
            assert_eq!(is_compressed, after == 1 || after == 2, "{offer:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_offers_nothing_is_written_plain_frames() {
        let bytes = written(None, 0, &[Frame::text("a".repeat(TEXT_BYTES))]).await;
        assert_eq!(bytes[0], 0x81);
        let bytes = written(
            Some("permessage-deflate"),
            0,
            &[Frame::text("a".repeat(300))],
        )
        .await;
        assert_eq!(bytes[0], 0xc1);
        let bytes = written(
            Some("permessage-deflate"),
            0,
            &[Frame::text("a".repeat(200))],
        )
        .await;
        assert_eq!(bytes[0], 0x81, "too small to gain by it");
    }

    #[tokio::test]
    async fn a_message_for_many_is_compressed_by_the_first_of_them_alone() {
        let offer = Some("permessage-deflate");
        let message = || [Frame::text("everybody ".repeat(100)).for_many()];

        let frames = message();
        written(None, 0, &frames).await;
        let first = written(offer, 7, &frames).await;
        let kept = frames[0].compressed(|_| panic!("the first recipient has made it"));
        assert!(first.ends_with(&kept.unwrap()));

        // Whatever is there already goes to all the others: they make none.
        let frames = message();
        let there = deflate("as good as any ".repeat(20).as_bytes()).unwrap();
        frames[0].compressed(|_| Some(there.clone()));
        for after in [0, 99] {
            assert!(written(offer, after, &frames).await.ends_with(&there));
        }
    }
}
