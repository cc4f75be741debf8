//! What a consensus node answers.

use bytes::Bytes;
use raftwire_protocol::{Incarnation, NodeId};

use super::WireError;
use super::log::{LogIdRecord, VoteRecord};
use super::names::{connection_of, halves};
use super::outcome::Proposed;
use super::request::{Greeting, Nonce};
use crate::state::{LostName, NameRow};

/// The answer to one control call.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Response {
    #[prost(oneof = "ResponseKind", tags = "1, 2, 4, 5, 6, 7, 8, 9, 10, 12, 15")]
    pub(crate) kind: Option<ResponseKind>,
}

/// The kinds of answers; the tags are those of the requests.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub(crate) enum ResponseKind {
    #[prost(message, tag = "1")]
    Append(Appended),
    #[prost(message, tag = "2")]
    Vote(Voted),
    #[prost(message, tag = "4")]
    Snapshot(SnapshotProgress),
    #[prost(message, tag = "5")]
    Transfer(Transferred),
    #[prost(message, tag = "6")]
    Propose(Proposed),
    #[prost(message, tag = "7")]
    Greet(Greeting),
    #[prost(message, tag = "8")]
    Renew(Renewed),
    #[prost(message, tag = "9")]
    Index(ToldIndex),
    #[prost(message, tag = "12")]
    Feed(Fed),
    #[prost(message, tag = "10")]
    Lookup(LookedUp),
    #[prost(message, tag = "15")]
    Refused(Refused),
}

/// A page of the feed: what is newer than what was known. See [`FeedPage`](crate::state::FeedPage).
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Fed {
    /// Settings and rows, as a state without its tables.
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) page: Bytes,
    /// It is of the whole set, from its beginning, whatever was asked for.
    #[prost(bool, tag = "2")]
    pub(crate) full: bool,
    /// The last name of a page that others follow.
    #[prost(string, optional, tag = "3")]
    pub(crate) more_after: Option<String>,
    #[prost(uint64, tag = "4")]
    pub(crate) term: u64,
    #[prost(string, optional, tag = "5")]
    pub(crate) leader: Option<String>,
    /// The nodes that have the log, and so the feed.
    #[prost(string, repeated, tag = "6")]
    pub(crate) sources: Vec<String>,
    #[prost(uint32, tag = "7")]
    pub(crate) voters: u32,
    /// Names that the asker lost, in order, of whole entries.
    #[prost(message, repeated, tag = "8")]
    pub(crate) lost: Vec<LostRecord>,
}

/// A name that a node lost.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct LostRecord {
    /// The entry that took it.
    #[prost(uint64, tag = "1")]
    pub(crate) index: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(fixed64, tag = "3")]
    connection_high: u64,
    #[prost(fixed64, tag = "4")]
    connection_low: u64,
    #[prost(uint64, tag = "5")]
    epoch: u64,
}

impl LostRecord {
    pub(crate) fn new(index: u64, lost: &LostName) -> LostRecord {
        let (connection_high, connection_low) = halves(lost.connection);
        LostRecord {
            index,
            name: lost.name.as_str().to_owned(),
            connection_high,
            connection_low,
            epoch: lost.epoch,
        }
    }

    pub(crate) fn parse(&self) -> Result<LostName, WireError> {
        Ok(LostName {
            name: self.name.parse().map_err(|_| WireError::Field("name"))?,
            connection: connection_of(self.connection_high, self.connection_low),
            epoch: self.epoch,
        })
    }
}

/// A state of this index has everything that was committed when the leader was asked.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct ToldIndex {
    #[prost(uint64, tag = "1")]
    pub(crate) index: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Appended {
    #[prost(oneof = "AppendResult", tags = "1, 2, 3, 4")]
    pub(crate) result: Option<AppendResult>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub(crate) enum AppendResult {
    #[prost(bool, tag = "1")]
    Success(bool),
    #[prost(message, tag = "2")]
    Partial(PartialAppend),
    #[prost(bool, tag = "3")]
    Conflict(bool),
    #[prost(message, tag = "4")]
    HigherVote(VoteRecord),
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct PartialAppend {
    #[prost(message, optional, tag = "1")]
    pub(crate) matching: Option<LogIdRecord>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Voted {
    #[prost(message, required, tag = "1")]
    pub(crate) vote: VoteRecord,
    #[prost(bool, tag = "2")]
    pub(crate) granted: bool,
    #[prost(message, optional, tag = "3")]
    pub(crate) last: Option<LogIdRecord>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct SnapshotProgress {
    /// How many bytes the receiver has; the sender goes on from there.
    #[prost(uint64, tag = "1")]
    pub(crate) received: u64,
    /// Set once the snapshot is installed, or refused by a higher vote: the receiver's vote.
    #[prost(message, optional, tag = "2")]
    pub(crate) done: Option<VoteRecord>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Transferred {
    #[prost(bool, tag = "1")]
    pub(crate) accepted: bool,
    /// Why not.
    #[prost(string, tag = "2")]
    pub(crate) reason: String,
}

/// What names mean, in the order in which they were asked for.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct LookedUp {
    #[prost(message, repeated, tag = "1")]
    pub(crate) rows: Vec<RowRecord>,
}

/// What one name means; without an incarnation, nothing.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct RowRecord {
    #[prost(fixed64, tag = "1")]
    connection_high: u64,
    #[prost(fixed64, tag = "2")]
    connection_low: u64,
    #[prost(uint64, tag = "3")]
    epoch: u64,
    #[prost(uint64, tag = "4")]
    incarnation: u64,
}

impl From<Option<NameRow>> for RowRecord {
    fn from(row: Option<NameRow>) -> RowRecord {
        row.map_or_else(RowRecord::default, |row| {
            let (connection_high, connection_low) = halves(row.connection);
            RowRecord {
                connection_high,
                connection_low,
                epoch: row.epoch,
                incarnation: row.incarnation.get(),
            }
        })
    }
}

impl From<RowRecord> for Option<NameRow> {
    fn from(record: RowRecord) -> Option<NameRow> {
        let incarnation = Incarnation::new(record.incarnation);
        (!incarnation.is_none()).then(|| NameRow {
            connection: connection_of(record.connection_high, record.connection_low),
            epoch: record.epoch,
            incarnation,
        })
    }
}

/// The answer to a renewal.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Renewed {
    #[prost(bool, tag = "1")]
    pub(crate) granted: bool,
    #[prost(uint64, tag = "2")]
    pub(crate) lease_ms: u64,
    #[prost(message, optional, tag = "3")]
    pub(crate) nonce: Option<Nonce>,
    /// The incarnation is not alive: the session has to join again.
    #[prost(bool, tag = "4")]
    pub(crate) join: bool,
}

/// The request was not carried out.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Refused {
    #[prost(uint32, tag = "1")]
    code: u32,
    #[prost(string, tag = "2")]
    pub(crate) text: String,
    /// The leader that the refusing node knows.
    #[prost(string, optional, tag = "3")]
    pub(crate) leader: Option<String>,
}

/// Why a request was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusalCode {
    /// The bytes are no request of this version.
    Malformed,
    /// The request is for another Raft id.
    OtherRaftId,
    /// The node leads nothing now.
    NotLeader,
    /// The engine does not run (yet, or any more).
    Stopped,
    /// The node has no log, or has not heard from a leader lately.
    NoLog,
}

impl Refused {
    pub(crate) fn new(code: RefusalCode, text: impl Into<String>) -> Refused {
        let code = match code {
            RefusalCode::Malformed => 1,
            RefusalCode::OtherRaftId => 2,
            RefusalCode::NotLeader => 3,
            RefusalCode::Stopped => 4,
            RefusalCode::NoLog => 5,
        };
        Refused {
            code,
            text: text.into(),
            leader: None,
        }
    }

    pub(crate) fn not_leader(leader: Option<NodeId>) -> Refused {
        let mut refused = Refused::new(RefusalCode::NotLeader, "this node does not lead");
        refused.leader = leader.map(|leader| leader.as_str().to_owned());
        refused
    }
}

impl ResponseKind {
    /// Whether a node that answers so follows the leader with this vote, who has appended or sent a snapshot.
    pub(crate) fn follows(&self, leader: VoteRecord) -> bool {
        match self {
            ResponseKind::Append(appended) => {
                !matches!(appended.result, Some(AppendResult::HigherVote(_)) | None)
            }
            // A piece of a deposed leader is answered with the vote that deposed it.
            ResponseKind::Snapshot(progress) => progress.done.is_none_or(|vote| vote == leader),
            _ => false,
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        super::encode(&Response { kind: Some(self) }).into()
    }

    pub(crate) fn from_bytes(bytes: Bytes) -> Result<ResponseKind, WireError> {
        super::decode_bytes::<Response>(bytes)?
            .kind
            .ok_or(WireError::Field("response kind"))
    }
}
