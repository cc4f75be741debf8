//! Facts as bytes.

use bytes::Bytes;
use prost::Message;

use super::row::{Cursor, Row};
use super::step::{Change, Digest, Position, Step};

/// The bytes are no facts of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed facts")]
pub(crate) struct MalformedFacts;

#[derive(Clone, PartialEq, Message)]
struct RowBody {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(string, tag = "2")]
    text: String,
    /// Of a change only.
    #[prost(bool, tag = "3")]
    is_held: bool,
}

#[derive(Clone, PartialEq, Message)]
struct PositionBody {
    #[prost(uint64, tag = "1")]
    sequence: u64,
    /// The last row of a part.
    #[prost(message, optional, tag = "2")]
    after: Option<RowBody>,
    /// Whether there is nothing behind it.
    #[prost(bool, tag = "3")]
    is_whole: bool,
}

#[derive(Clone, PartialEq, Message)]
struct StepBody {
    #[prost(message, optional, tag = "1")]
    from: Option<PositionBody>,
    #[prost(message, repeated, tag = "2")]
    changes: Vec<RowBody>,
    #[prost(message, repeated, tag = "3")]
    rows: Vec<RowBody>,
    #[prost(message, optional, tag = "4")]
    to: Option<PositionBody>,
}

#[derive(Clone, PartialEq, Message)]
struct DigestBody {
    #[prost(uint64, tag = "1")]
    sequence: u64,
    #[prost(fixed64, tag = "2")]
    hash: u64,
}

impl RowBody {
    fn of(row: &Row, is_held: bool) -> RowBody {
        RowBody {
            kind: row.tag().into(),
            text: row.text().to_owned(),
            is_held,
        }
    }

    fn row(&self) -> Result<Row, MalformedFacts> {
        let row = match self.kind {
            1 => self.text.parse().map(Row::User),
            2 => self.text.parse().map(Row::Group),
            _ => return Err(MalformedFacts),
        };
        row.map_err(|_| MalformedFacts)
    }
}

impl PositionBody {
    fn of(position: &Position) -> PositionBody {
        let (after, is_whole) = match &position.cursor {
            Cursor::Start => (None, false),
            Cursor::After(row) => (Some(RowBody::of(row, false)), false),
            Cursor::End => (None, true),
        };
        PositionBody {
            sequence: position.sequence,
            after,
            is_whole,
        }
    }

    fn position(&self) -> Result<Position, MalformedFacts> {
        let cursor = match &self.after {
            _ if self.is_whole => Cursor::End,
            Some(row) => Cursor::After(row.row()?),
            None => Cursor::Start,
        };
        Ok(Position {
            sequence: self.sequence,
            cursor,
        })
    }
}

impl Position {
    pub(crate) fn encode(&self) -> Bytes {
        PositionBody::of(self).encode_to_vec().into()
    }

    pub(crate) fn decode(body: Bytes) -> Result<Position, MalformedFacts> {
        let body = PositionBody::decode(body).map_err(|_| MalformedFacts)?;
        body.position()
    }
}

impl Step {
    pub(crate) fn encode(&self) -> Bytes {
        let changes = self.changes.iter();
        let body = StepBody {
            from: Some(PositionBody::of(&self.from)),
            changes: changes
                .map(|change| RowBody::of(&change.row, change.is_held))
                .collect(),
            rows: self
                .rows
                .iter()
                .map(|row| RowBody::of(row, false))
                .collect(),
            to: Some(PositionBody::of(&self.to)),
        };
        body.encode_to_vec().into()
    }

    pub(crate) fn decode(body: Bytes) -> Result<Step, MalformedFacts> {
        let body = StepBody::decode(body).map_err(|_| MalformedFacts)?;
        let change = |body: &RowBody| {
            Ok(Change {
                row: body.row()?,
                is_held: body.is_held,
            })
        };
        Ok(Step {
            from: body.from.ok_or(MalformedFacts)?.position()?,
            changes: body.changes.iter().map(change).collect::<Result<_, _>>()?,
            rows: body
                .rows
                .iter()
                .map(RowBody::row)
                .collect::<Result<_, _>>()?,
            to: body.to.ok_or(MalformedFacts)?.position()?,
        })
    }
}

impl Digest {
    pub(crate) fn encode(&self) -> Bytes {
        let body = DigestBody {
            sequence: self.sequence,
            hash: self.hash,
        };
        body.encode_to_vec().into()
    }

    pub(crate) fn decode(body: Bytes) -> Result<Digest, MalformedFacts> {
        let body = DigestBody::decode(body).map_err(|_| MalformedFacts)?;
        Ok(Digest {
            sequence: body.sequence,
            hash: body.hash,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_row() -> impl Strategy<Value = Row> {
        let text = "[a-z0-9/]{1,40}";
        prop_oneof![
            text.prop_map(|text| Row::User(text.parse().expect("valid"))),
            text.prop_map(|text| Row::Group(text.parse().expect("valid"))),
        ]
    }

    fn any_position() -> impl Strategy<Value = Position> {
        let cursor = prop_oneof![
            Just(Cursor::Start),
            any_row().prop_map(Cursor::After),
            Just(Cursor::End),
        ];
        (any::<u64>(), cursor).prop_map(|(sequence, cursor)| Position { sequence, cursor })
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let change = (any_row(), any::<bool>()).prop_map(|(row, is_held)| Change { row, is_held });
        let changes = proptest::collection::vec(change, 0..20);
        let rows = proptest::collection::vec(any_row(), 0..20);
        (any_position(), changes, rows, any_position()).prop_map(|(from, changes, rows, to)| Step {
            from,
            changes,
            rows,
            to,
        })
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(step in any_step(), sequence: u64, hash: u64) {
            let digest = Digest { sequence, hash };
            prop_assert_eq!(Digest::decode(digest.encode()), Ok(digest));
            prop_assert_eq!(Position::decode(step.from.encode()), Ok(step.from.clone()));
            prop_assert_eq!(Step::decode(step.encode()), Ok(step));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let bytes = Bytes::from(bytes);
            let _ = Digest::decode(bytes.clone());
            let _ = Position::decode(bytes.clone());
            let _ = Step::decode(bytes);
        }
    }
}
