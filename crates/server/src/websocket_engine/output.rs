//! What waits to be written to a socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use raftwire_protocol::{Frame, FrameKind};
use raftwire_websocket::{Deflated, Encoder, MessageKind};
use tokio::io::AsyncWrite;

/// The largest payload that is copied behind its head. A larger one is written from where it lies,
/// which costs an entry of the list and one of the call.
const COPIED_BYTES_MAX: usize = 4 * 1024;
/// Pieces that one call of the operating system is given: enough for many large messages, and
/// little on the stack.
const SLICES_MAX: usize = 16;

/// Encoded frames, in order.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// Before the tail. In a box: most connections never have any.
    pieces: Option<Box<Pieces>>,
    /// Small frames, one behind the other.
    tail: BytesMut,
}

/// Large payloads, and what was encoded before each.
#[derive(Debug, Default)]
struct Pieces {
    list: VecDeque<Bytes>,
    /// Bytes of all of them.
    len: usize,
}

impl Output {
    pub(super) fn len(&self) -> usize {
        self.pieces.as_ref().map_or(0, |pieces| pieces.len) + self.tail.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&mut self, encoder: &mut Encoder, frame: Frame) {
        let kind = frame.kind();
        self.push_parts(encoder, kind, &[], &frame.into_payload());
    }

    /// A message of a beginning and what follows it.
    pub(super) fn push_parts(
        &mut self,
        encoder: &mut Encoder,
        kind: FrameKind,
        beginning: &[u8],
        rest: &Bytes,
    ) {
        let kind = match kind {
            FrameKind::Text => MessageKind::Text,
            FrameKind::Binary => MessageKind::Binary,
        };
        let len = beginning.len() + rest.len();
        let Some(head) = encoder.message_head(kind, len) else {
            // Of a client, which changes every byte.
            let whole = [beginning, rest].concat();
            return encoder.message(kind, &whole, &mut self.tail);
        };
        let head = head.as_ref();
        let is_copied = rest.len() <= COPIED_BYTES_MAX;
        let copied = head.len() + if is_copied { len } else { beginning.len() };
        // At once: growing piece by piece would be an allocation for each.
        self.tail.reserve(copied);
        self.tail.extend_from_slice(head);
        self.tail.extend_from_slice(beginning);
        if is_copied {
            self.tail.extend_from_slice(rest);
        } else {
            self.share(rest.clone());
        }
    }

    /// A compressed message of a server: a beginning of its own, and what is everybody's.
    pub(super) fn push_deflated(&mut self, kind: FrameKind, beginning: &[u8], rest: Deflated) {
        let kind = match kind {
            FrameKind::Text => MessageKind::Text,
            FrameKind::Binary => MessageKind::Binary,
        };
        rest.head(kind, beginning, &mut self.tail);
        if rest.body().len() > COPIED_BYTES_MAX {
            self.share(rest.into_body());
        } else {
            self.tail.extend_from_slice(rest.body());
        }
    }

    /// The payload follows what was encoded, from where it lies.
    fn share(&mut self, payload: Bytes) {
        let before = self.tail.split().freeze();
        let pieces = self.pieces.get_or_insert_default();
        pieces.len += before.len() + payload.len();
        pieces.list.extend([before, payload]);
    }

    /// The place of control frames, which are encoded whole.
    pub(super) fn tail(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    /// Writes what the stream takes: ready when something was taken, and how much. To be called
    /// while there is something.
    pub(super) fn poll_write<IO: AsyncWrite + Unpin>(
        &mut self,
        io: &mut IO,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let io = Pin::new(io);
        let taken = if let Some(pieces) = &self.pieces {
            let empty: &[u8] = &[];
            let mut slices = [IoSlice::new(empty); SLICES_MAX];
            let all = pieces.list.iter().map(|piece| &piece[..]);
            let mut len = 0;
            for (slice, bytes) in slices.iter_mut().zip(all.chain([&self.tail[..]])) {
                *slice = IoSlice::new(bytes);
                len += 1;
            }
            ready!(io.poll_write_vectored(context, &slices[..len]))?
        } else {
            ready!(io.poll_write(context, &self.tail))?
        };
        if taken == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(taken);
        Poll::Ready(Ok(taken))
    }

    fn advance(&mut self, mut taken: usize) {
        if let Some(pieces) = &mut self.pieces {
            taken = pieces.advance(taken);
            if pieces.list.is_empty() {
                self.pieces = None;
            }
        }
        self.tail.advance(taken);
        if self.is_empty() {
            // An idle connection holds nothing.
            *self = Output::default();
        }
    }
}

impl Pieces {
    /// Lets go of what was taken, and says how much of that was behind the pieces.
    fn advance(&mut self, mut taken: usize) -> usize {
        while let Some(piece) = self.list.front_mut()
            && taken > 0
        {
            let part = taken.min(piece.len());
            piece.advance(part);
            taken -= part;
            self.len -= part;
            if piece.is_empty() {
                self.list.pop_front();
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes so many bytes a call.
    struct Narrow {
        taken: Vec<u8>,
        width: usize,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let len = bytes.len().min(self.width);
            self.taken.extend_from_slice(&bytes[..len]);
            Poll::Ready(Ok(len))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let width = self.width;
            let all = slices.iter().flat_map(|slice| slice.iter().copied());
            let before = self.taken.len();
            self.taken.extend(all.take(width));
            Poll::Ready(Ok(self.taken.len() - before))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn frames_leave_in_order_however_little_the_stream_takes() {
        for width in [1, 7, 4_096, 100_000] {
            let mut encoder = Encoder::server();
            let mut expected = BytesMut::new();
            let mut output = Output::default();
            for len in [3, 5_000, 20, 4_096, 4_097, 70_000, 1] {
                let payload = vec![len as u8; len];
                encoder.message(MessageKind::Binary, &payload, &mut expected);
                let (beginning, rest) = payload.split_at(len.min(2));
                let rest = Bytes::copy_from_slice(rest);
                output.push_parts(&mut encoder, FrameKind::Binary, beginning, &rest);
                encoder.message(MessageKind::Binary, &payload, &mut expected);
                output.push(&mut encoder, Frame::binary(payload));
            }
            encoder.ping(b"?", &mut expected);
            encoder.ping(b"?", output.tail());
            assert_eq!(output.len(), expected.len());

            let mut stream = Narrow {
                taken: Vec::new(),
                width,
            };
            let mut context = Context::from_waker(Waker::noop());
            while !output.is_empty() {
                let written = output.poll_write(&mut stream, &mut context);
                assert!(matches!(written, Poll::Ready(Ok(1..))), "{written:?}");
            }
            assert!(stream.taken == expected, "width {width}");
        }
    }
}
