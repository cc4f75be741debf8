use std::fmt;

use bytes::Bytes;
use zlib_rs::{Deflate, DeflateFlush, Status};

use super::{Deflated, TAIL, WINDOW_BITS};

/// How hard it tries, 1 to 9. JSON of a kilobyte and more becomes a fifth to a quarter smaller than by 1, in one and a
/// half to two times the time; by 6 it is a tenth smaller still, and 64 KiB take three and a half times the time.
const LEVEL: i32 = 2;

/// Compresses payloads, each by itself. About 300 KiB: one for a thread.
pub struct Deflater {
    state: Deflate,
}

impl Default for Deflater {
    fn default() -> Deflater {
        Deflater {
            state: Deflate::new(LEVEL, false, WINDOW_BITS),
        }
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Deflater").finish_non_exhaustive()
    }
}

impl Deflater {
    /// The payload compressed; `None`: it would not become shorter.
    pub fn deflate(&mut self, payload: &[u8]) -> Option<Deflated> {
        self.state.reset();
        // As long as the payload, and room for the tail that is cut off: what does not fit is no gain.
        let mut out = vec![0; payload.len() + TAIL.len()];
        let flush = DeflateFlush::SyncFlush;
        let status = self.state.compress(payload, &mut out, flush);
        let len = self.state.total_out() as usize;
        // Only where room is left is the flush known to be whole.
        let is_whole = status == Ok(Status::Ok)
            && self.state.total_in() == payload.len() as u64
            && len < out.len();
        if !is_whole {
            return None;
        }
        let body = out[..len].strip_suffix(&TAIL)?;
        // Copied, because the room for it was as large as the payload.
        Some(Deflated::from_body(Bytes::copy_from_slice(body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_become_longer_is_not_compressed() {
        let mut deflater = Deflater::default();
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(70_000)
        .collect();
        for len in [0, 1, 5, 300, 70_000] {
            assert_eq!(deflater.deflate(&noise[..len]), None, "{len} bytes");
        }
    }

    #[test]
    fn one_message_is_compressed_as_if_none_had_been_before() {
        let text = "over and over and over and over and over".repeat(8);
        let mut deflater = Deflater::default();
        let first = deflater.deflate(text.as_bytes()).unwrap();
        assert_eq!(deflater.deflate(text.as_bytes()), Some(first.clone()));
        assert!(first.body().len() < text.len() / 3);
    }
}
