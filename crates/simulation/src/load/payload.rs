//! Messages that show whether they arrived as they were sent.

use std::sync::LazyLock;

use bytes::Bytes;
use raftwire::{Frame, FrameKind};

/// The largest message.
pub(super) const PAYLOAD_BYTES_MAX: usize = 400 << 10;

/// Letters in the filling. It divides no power of two, so that chunks of a message cannot change
/// places unnoticed.
const PERIOD: usize = 95;

/// Number and length, as text.
const HEAD_BYTES: usize = 16 + 8;

/// The printable letters again and again, from which every filling is a slice.
static FILLING: LazyLock<Bytes> = LazyLock::new(|| {
    let letters = (b' '..=b'~').cycle();
    letters.take(PAYLOAD_BYTES_MAX + PERIOD).collect()
});

/// The frame of a message: every other one is text. It is as long as asked for, or as its head.
pub(super) fn frame(message: u64, bytes: usize) -> Frame {
    let filling = filling(message, bytes.saturating_sub(HEAD_BYTES));
    let mut text = format!("{message:016x}{:08x}", filling.len()).into_bytes();
    text.extend_from_slice(&filling);
    match kind(message) {
        FrameKind::Binary => Frame::binary(text),
        FrameKind::Text => Frame::from_utf8(text.into()).unwrap_or_else(|_| Frame::text("")),
    }
}

/// The number of the message in a frame.
pub(super) fn read(frame: &Frame) -> Result<u64, String> {
    let wrong = |what: &str| Err(format!("{what} in a frame of {} bytes", frame.len()));
    let payload = frame.payload();
    let Some(head) = payload
        .get(..HEAD_BYTES)
        .and_then(|head| std::str::from_utf8(head).ok())
    else {
        return wrong("no head");
    };
    let (number, length) = head.split_at(16);
    let (Ok(message), Ok(length)) = (
        u64::from_str_radix(number, 16),
        usize::from_str_radix(length, 16),
    ) else {
        return wrong("no number");
    };
    if frame.kind() != kind(message) {
        return wrong("another kind");
    }
    if length > PAYLOAD_BYTES_MAX || payload[HEAD_BYTES..] != filling(message, length) {
        return wrong(&format!("other bytes than those of message {message}"));
    }
    Ok(message)
}

fn kind(message: u64) -> FrameKind {
    if message.is_multiple_of(2) {
        FrameKind::Text
    } else {
        FrameKind::Binary
    }
}

fn filling(message: u64, bytes: usize) -> Bytes {
    let from = usize::try_from(message % PERIOD as u64).unwrap_or(0);
    FILLING.slice(from..from + bytes.min(PAYLOAD_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_was_not_touched_gives_its_number() {
        for message in [0, 1, 94, 95, u64::MAX] {
            for bytes in [0, HEAD_BYTES, 100, PAYLOAD_BYTES_MAX] {
                assert_eq!(read(&frame(message, bytes)), Ok(message));
            }
        }
    }

    #[test]
    fn a_frame_whose_chunks_changed_places_is_found_out() {
        let bytes = frame(7, 300 << 10).into_payload();
        let (chunk, from) = (64 << 10, HEAD_BYTES);
        let mut swapped = bytes.to_vec();
        swapped[from..from + chunk].copy_from_slice(&bytes[from + chunk..from + 2 * chunk]);

        assert!(read(&Frame::binary(swapped)).is_err());
    }

    #[test]
    fn a_frame_of_another_kind_or_length_is_found_out() {
        let bytes = frame(7, 100).into_payload();

        assert!(read(&Frame::text(String::from_utf8_lossy(&bytes))).is_err());
        assert!(read(&Frame::binary(bytes.slice(..50))).is_err());
        assert!(read(&Frame::binary(bytes.slice(..5))).is_err());
    }
}
