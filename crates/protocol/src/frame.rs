use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

/// One message of a WebSocket: text or binary, whole.
///
/// Cloning shares the payload. The payload of a text frame is always valid UTF-8. Frames are equal
/// whose kinds and payloads are.
///
/// # Examples
///
/// ```
/// use raftwire_protocol::{Frame, FrameKind};
///
/// let frame = Frame::from("hello");
/// assert_eq!(frame.kind(), FrameKind::Text);
/// assert_eq!(frame.as_text(), Some("hello"));
/// assert_eq!(Frame::from(vec![1, 2, 3]).as_text(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Frame {
    kind: FrameKind,
    payload: Bytes,
    /// What is made for all recipients alike, if there are many.
    shared: Option<Arc<Shared>>,
}

/// What all recipients of a frame are written alike: made by the first who needs it.
#[derive(Debug, Default)]
struct Shared {
    encoded: OnceLock<Bytes>,
    /// `None` within: it would not become shorter.
    compressed: OnceLock<Option<Bytes>>,
}

/// Whether a [`Frame`] is text or binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameKind {
    /// UTF-8.
    Text,
    /// Bytes of any kind.
    Binary,
}

impl Frame {
    /// A text frame; takes the text over without copying it.
    pub fn text(text: impl Into<String>) -> Frame {
        Frame {
            kind: FrameKind::Text,
            payload: Bytes::from(text.into()),
            shared: None,
        }
    }

    /// A binary frame.
    pub fn binary(payload: impl Into<Bytes>) -> Frame {
        Frame {
            kind: FrameKind::Binary,
            payload: payload.into(),
            shared: None,
        }
    }

    /// A text frame of bytes that came from outside, without copying them.
    ///
    /// # Errors
    ///
    /// If they are not UTF-8.
    pub fn from_utf8(payload: Bytes) -> Result<Frame, NotUtf8> {
        match std::str::from_utf8(&payload) {
            Ok(_) => Ok(Frame {
                kind: FrameKind::Text,
                payload,
                shared: None,
            }),
            Err(error) => Err(NotUtf8 {
                valid_up_to: error.valid_up_to(),
            }),
        }
    }

    /// Text or binary.
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The bytes.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The bytes, taken out of the frame.
    pub fn into_payload(self) -> Bytes {
        self.payload
    }

    /// The same frame in memory of its own: it keeps nothing alive that its payload was a part of.
    pub fn copied(&self) -> Frame {
        Frame {
            kind: self.kind,
            payload: Bytes::copy_from_slice(&self.payload),
            shared: None,
        }
    }

    /// The same frame, on its way to many: it and its clones share what [`encoded`](Self::encoded)
    /// and [`compressed`](Self::compressed) make of it.
    #[must_use]
    pub fn for_many(mut self) -> Frame {
        self.shared = Some(Arc::default());
        self
    }

    /// What `encode` makes of the frame; of a frame [for many](Self::for_many), what it made for the
    /// first who asked. So everybody who may hold such a frame has to ask for the same encoding.
    ///
    /// ```
    /// use raftwire_protocol::Frame;
    ///
    /// let (mine, yours) = { let frame = Frame::from("a").for_many(); (frame.clone(), frame) };
    /// assert_eq!(mine.encoded(|frame| [frame.payload(), &b"!"[..]].concat().into()), "a!");
    /// assert_eq!(yours.encoded(|_| unreachable!("it is there already")), "a!");
    /// ```
    pub fn encoded(&self, encode: impl FnOnce(&Frame) -> Bytes) -> Bytes {
        match &self.shared {
            Some(shared) => shared.encoded.get_or_init(|| encode(self)).clone(),
            None => encode(self),
        }
    }

    /// The same for what is compressed, beside what is not: for recipients of both kinds. `None`: `compress` made
    /// nothing of it, and for a frame for many it is not asked again.
    pub fn compressed(&self, compress: impl FnOnce(&Frame) -> Option<Bytes>) -> Option<Bytes> {
        match &self.shared {
            Some(shared) => shared.compressed.get_or_init(|| compress(self)).clone(),
            None => compress(self),
        }
    }

    /// The text of a text frame. It is checked anew each time, so keep the answer.
    pub fn as_text(&self) -> Option<&str> {
        match self.kind {
            FrameKind::Text => std::str::from_utf8(&self.payload).ok(),
            FrameKind::Binary => None,
        }
    }

    /// Bytes of the payload.
    pub fn len(&self) -> usize {
        self.payload.len()
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Frame) -> bool {
        (self.kind, &self.payload) == (other.kind, &other.payload)
    }
}

impl Eq for Frame {}

impl Hash for Frame {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.kind, &self.payload).hash(state);
    }
}

impl From<&str> for Frame {
    fn from(text: &str) -> Frame {
        Frame {
            kind: FrameKind::Text,
            payload: Bytes::copy_from_slice(text.as_bytes()),
            shared: None,
        }
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Frame {
        Frame::text(text)
    }
}

impl From<Vec<u8>> for Frame {
    fn from(payload: Vec<u8>) -> Frame {
        Frame::binary(payload)
    }
}

impl From<Bytes> for Frame {
    fn from(payload: Bytes) -> Frame {
        Frame::binary(payload)
    }
}

/// Bytes that were to become a text frame are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not UTF-8 after {valid_up_to} bytes")]
pub struct NotUtf8 {
    /// How many bytes from the beginning are UTF-8.
    pub valid_up_to: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_make_no_text_frame() {
        let wrong = Bytes::from_static(b"ab\xff");
        assert_eq!(Frame::from_utf8(wrong), Err(NotUtf8 { valid_up_to: 2 }));
    }

    #[test]
    fn a_text_frame_takes_the_bytes_over() {
        let payload = Bytes::from_static("grüße".as_bytes());
        let frame = Frame::from_utf8(payload.clone()).expect("UTF-8");
        assert_eq!(frame.as_text(), Some("grüße"));
        assert_eq!(frame.payload().as_ptr(), payload.as_ptr());
        assert_eq!(frame, Frame::text("grüße"));
    }

    #[test]
    fn a_frame_for_many_is_encoded_once_and_any_other_each_time() {
        let times = std::cell::Cell::new(0);
        let ask = |frame: &Frame| {
            frame.encoded(|frame| {
                times.set(times.get() + 1);
                frame.payload().clone()
            })
        };
        let alone = Frame::from("a");
        for _ in 0..3 {
            assert_eq!(ask(&alone.clone()), "a");
        }
        assert_eq!(times.take(), 3);

        let for_many = alone.clone().for_many();
        for _ in 0..3 {
            assert_eq!(ask(&for_many.clone()), "a");
        }
        assert_eq!(times.take(), 1);
        assert_eq!(for_many, alone, "how many it is for makes no difference");
    }

    #[test]
    fn a_frame_for_many_is_compressed_once_whatever_comes_of_it() {
        for made in [None, Some(Bytes::from_static(b"short"))] {
            let frame = Frame::from("a").for_many();
            let times = std::cell::Cell::new(0);
            for _ in 0..3 {
                let compressed = frame.clone().compressed(|_| {
                    times.set(times.get() + 1);
                    made.clone()
                });
                assert_eq!(compressed, made);
            }
            assert_eq!(times.get(), 1);
            assert_eq!(frame.encoded(|_| Bytes::from_static(b"long")), "long");
        }
    }

    #[test]
    fn the_same_bytes_as_text_and_as_binary_differ() {
        assert_ne!(Frame::from("a"), Frame::from(b"a".to_vec()));
        assert!(Frame::binary(Bytes::new()).is_empty());
        assert_eq!(Frame::from("abc").len(), 3);
    }
}
