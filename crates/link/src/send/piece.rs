use super::message::MessageId;

/// A piece of a message that has a sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) message: MessageId,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    pub(crate) kind: PieceKind,
}

/// Which part of its message a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceKind {
    Whole,
    First,
    Middle,
    Last,
    /// Not a part: the end of a message that expired before all of its parts had a sequence.
    Terminator,
}

impl PieceKind {
    /// Whether no further piece of the message follows.
    pub(crate) fn ends_message(self) -> bool {
        match self {
            PieceKind::Whole | PieceKind::Last | PieceKind::Terminator => true,
            PieceKind::First | PieceKind::Middle => false,
        }
    }

    /// Whether it is a part of a message that did not fit one segment.
    pub(crate) fn is_chunk(self) -> bool {
        self != PieceKind::Whole
    }
}
