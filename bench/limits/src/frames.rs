/// Finds WebSocket frames without masks in a stream: one that has not ended is kept.
#[derive(Debug, Default)]
pub struct Frames {
    rest: Vec<u8>,
}

impl Frames {
    /// Tells of each frame that is whole, and where its payload begins.
    pub fn take(&mut self, bytes: &mut [u8], mut each: impl FnMut(&mut [u8], usize)) {
        if self.rest.is_empty() {
            let used = split(bytes, &mut each);
            self.rest.extend_from_slice(&bytes[used..]);
        } else {
            self.rest.extend_from_slice(bytes);
            let used = split(&mut self.rest, &mut each);
            self.rest.drain(..used);
        }
    }
}

/// How many bytes whole frames have.
fn split(bytes: &mut [u8], each: &mut impl FnMut(&mut [u8], usize)) -> usize {
    let mut at = 0;
    while let Some((head, len)) = frame(&bytes[at..]) {
        each(&mut bytes[at..at + head + len], head);
        at += head + len;
    }
    at
}

/// The lengths of the first frame's head and of its payload, if it is whole.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (head, len): (usize, u64) = match *bytes.get(1)? {
        126 => (
            4,
            u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        ),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        len => (2, u64::from(len)),
    };
    let len = usize::try_from(len).ok()?;
    (head.checked_add(len)? <= bytes.len()).then_some((head, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_wherever_the_stream_is_cut() {
        let mut long = vec![0x82, 126, 1, 0];
        long.resize(4 + 256, b'y');
        let frames = [b"\x82\x03abc".to_vec(), b"\x82\x00".to_vec(), long];
        let stream = frames.concat();
        for cut in 0..stream.len() {
            let mut seen = Vec::new();
            let mut found = Frames::default();
            for part in [&stream[..cut], &stream[cut..]] {
                found.take(&mut part.to_vec(), |frame, _| seen.push(frame.to_vec()));
            }
            assert_eq!(seen, frames, "cut at {cut}");
        }
    }

    #[test]
    fn the_payload_is_behind_the_head() {
        let mut heads = Vec::new();
        let mut bytes = b"\x82\x03abc\x82\x7e\x00\x01x".to_vec();
        Frames::default().take(&mut bytes, |frame, head| {
            heads.push(frame[head..].to_vec());
        });
        assert_eq!(heads, [b"abc".to_vec(), b"x".to_vec()]);
    }
}
