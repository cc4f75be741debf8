use bytes::{Buf, Bytes, BytesMut};

use super::{FRAME_END, FRAME_OVERHEAD_BYTES};

/// What comes before the payload.
const HEAD_BYTES: usize = 7;

/// One frame (4.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(super) kind: u8,
    pub(super) payload: Bytes,
}

/// What comes is not AMQP as it was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("it does not speak AMQP 0.9.1")]
    NotAmqp,
    #[error("it sent a frame of {bytes} bytes, more than the {bytes_max} that were agreed on")]
    TooLarge { bytes: usize, bytes_max: usize },
    #[error("it sent a frame that makes no sense")]
    Malformed,
}

/// Takes a frame off the buffer; `None` when the rest of it has still to come.
pub(crate) fn decode(buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<Frame>, FrameError> {
    // A server that wants another version says which, and hangs up.
    if buffer.starts_with(b"AMQP") {
        return Err(FrameError::NotAmqp);
    }
    if buffer.len() < HEAD_BYTES {
        return Ok(None);
    }
    let kind = buffer[0];
    if !(1..=8).contains(&kind) {
        return Err(FrameError::NotAmqp);
    }
    let length = u32::from_be_bytes([buffer[3], buffer[4], buffer[5], buffer[6]]);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let bytes = length.saturating_add(FRAME_OVERHEAD_BYTES);
    if bytes > bytes_max {
        return Err(FrameError::TooLarge { bytes, bytes_max });
    }
    if buffer.len() < bytes {
        return Ok(None);
    }
    let mut frame = buffer.split_to(bytes);
    if frame[bytes - 1] != FRAME_END {
        return Err(FrameError::Malformed);
    }
    frame.advance(HEAD_BYTES);
    frame.truncate(length);
    Ok(Some(Frame {
        kind,
        payload: frame.freeze(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::kind;
    use super::*;

    const MAX: usize = 4096;

    fn heartbeat() -> BytesMut {
        BytesMut::from(&[8, 0, 0, 0, 0, 0, 0, 0xCE][..])
    }

    #[test]
    fn frames_are_taken_one_by_one_however_they_come() {
        let mut whole = heartbeat();
        whole.extend_from_slice(&[3, 0, 1, 0, 0, 0, 2, b'h', b'i', 0xCE]);
        let mut buffer = BytesMut::new();
        let mut frames = Vec::new();
        for byte in whole {
            buffer.extend_from_slice(&[byte]);
            frames.extend(decode(&mut buffer, MAX).unwrap());
        }

        assert_eq!(frames.len(), 2);
        assert_eq!(frames[0].kind, kind::HEARTBEAT);
        assert_eq!(frames[1].kind, kind::BODY);
        assert_eq!(frames[1].payload, "hi");
    }

    #[test]
    fn what_is_not_amqp_is_named() {
        for bytes in [&b"AMQP\0\0\x09\x01"[..], b"HTTP/1.1 400", b"-ERR unknown"] {
            let mut buffer = BytesMut::from(bytes);
            assert_eq!(decode(&mut buffer, MAX), Err(FrameError::NotAmqp));
        }
        let mut unended = heartbeat();
        unended[7] = 0;
        assert_eq!(decode(&mut unended, MAX), Err(FrameError::Malformed));
    }

    #[test]
    fn frame_over_the_limit_is_refused_before_it_has_come() {
        let mut buffer = BytesMut::from(&[3, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF][..]);
        assert!(matches!(
            decode(&mut buffer, MAX),
            Err(FrameError::TooLarge { .. })
        ));
    }
}
