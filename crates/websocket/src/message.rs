use bytes::Bytes;

/// What a message's payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// A whole message, however many frames it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What the payload is.
    pub kind: MessageKind,
    /// The payload; UTF-8 if it is text.
    pub payload: Bytes,
}
