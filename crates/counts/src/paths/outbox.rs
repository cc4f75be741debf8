//! Messages for a connection of this node, as far as its socket.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use raftwire_protocol::Frame;
use raftwire_server::client::protocol::MessageEnvelope;
use raftwire_server::websocket_engine::WebSocket;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::cluster::{accept, in_virtual_time, start};
use super::{AT_ONCE, text};

/// Bytes of a payload.
const PAYLOAD_BYTES: usize = 64;
/// The largest message that the client may send, which sends none.
const RECEIVED_BYTES_MAX: usize = 1024;

pub(super) fn text_frames(messages: u64) {
    deliver(&Frame::text(text(PAYLOAD_BYTES)), messages);
}

pub(super) fn binary_frames(messages: u64) {
    deliver(&Frame::binary(text(PAYLOAD_BYTES)), messages);
}

fn deliver(frame: &Frame, messages: u64) {
    in_virtual_time(async {
        let nodes = start(1).await;
        let (connection, mut outbox) = accept(&nodes[0]);
        let router = nodes[0].router();
        let mut socket = WebSocket::server(Sink, Bytes::new(), RECEIVED_BYTES_MAX, None);
        let (mut batch, mut sequence) = (Vec::new(), 0);
        while sequence < messages {
            for _ in 0..AT_ONCE {
                assert_eq!(router.send(&connection, frame.clone()), Ok(()));
            }
            outbox.next_batch(&mut batch).await.expect("it is open");
            for frame in batch.drain(..) {
                let writable = poll_fn(|context| socket.poll_writable(context));
                writable.await.expect("it takes all");
                sequence += 1;
                let envelope = MessageEnvelope::new(sequence, &frame);
                socket.write_parts(frame.kind(), envelope.head(), envelope.rest());
            }
            let flushed = poll_fn(|context| socket.poll_flush(context));
            flushed.await.expect("it takes all");
        }
        assert_eq!(sequence, messages);
    });
}

/// A client that takes all and says nothing.
struct Sink;

impl AsyncRead for Sink {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Sink {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
