//! What one consensus node asks another.

use bytes::Bytes;

use super::WireError;
use super::log::{LogIdRecord, VoteRecord};

/// A request to a consensus node, the body of one control call.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Request {
    #[prost(oneof = "RequestKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12")]
    pub(crate) kind: Option<RequestKind>,
}

/// The kinds of requests. Each addresses a *Raft id* where it matters: a node whose disk was wiped
/// must not answer for the voter that it was.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub(crate) enum RequestKind {
    #[prost(message, tag = "1")]
    Append(Append),
    #[prost(message, tag = "2")]
    Vote(Ballot),
    #[prost(message, tag = "3")]
    PreVote(Ballot),
    #[prost(message, tag = "4")]
    Snapshot(SnapshotChunk),
    #[prost(message, tag = "5")]
    Transfer(Transfer),
    #[prost(message, tag = "6")]
    Propose(Propose),
    #[prost(message, tag = "7")]
    Greet(Greeting),
    #[prost(message, tag = "8")]
    Renew(Renew),
    #[prost(message, tag = "9")]
    Index(AskIndex),
    #[prost(message, tag = "12")]
    Feed(AskFeed),
    #[prost(message, tag = "10")]
    Lookup(Lookup),
}

/// Raft's AppendEntries.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Append {
    #[prost(uint64, tag = "1")]
    pub(crate) to: u64,
    #[prost(message, required, tag = "2")]
    pub(crate) vote: VoteRecord,
    #[prost(message, optional, tag = "3")]
    pub(crate) previous: Option<LogIdRecord>,
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub(crate) entries: Vec<Bytes>,
    #[prost(message, optional, tag = "5")]
    pub(crate) committed: Option<LogIdRecord>,
}

/// Raft's RequestVote, and the pre-vote that asks what the answer would be.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Ballot {
    #[prost(uint64, tag = "1")]
    pub(crate) to: u64,
    #[prost(message, required, tag = "2")]
    pub(crate) vote: VoteRecord,
    #[prost(message, optional, tag = "3")]
    pub(crate) last: Option<LogIdRecord>,
    #[prost(bool, tag = "4")]
    pub(crate) leadership_transfer: bool,
}

/// A piece of a snapshot.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct SnapshotChunk {
    #[prost(uint64, tag = "1")]
    pub(crate) to: u64,
    #[prost(message, required, tag = "2")]
    pub(crate) vote: VoteRecord,
    /// What the snapshot covers; see [`encode_snapshot_meta`](super::encode_snapshot_meta).
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) meta: Bytes,
    /// SHA-256 of the whole snapshot: the pieces of one snapshot, whoever sends them.
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) digest: Bytes,
    #[prost(uint64, tag = "5")]
    pub(crate) total: u64,
    #[prost(uint64, tag = "6")]
    pub(crate) offset: u64,
    #[prost(bytes = "bytes", tag = "7")]
    pub(crate) data: Bytes,
}

/// The leader asks a voter to take over.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Transfer {
    #[prost(uint64, tag = "1")]
    pub(crate) to: u64,
    #[prost(message, required, tag = "2")]
    pub(crate) leader: VoteRecord,
    #[prost(uint64, tag = "3")]
    pub(crate) successor: u64,
    #[prost(message, optional, tag = "4")]
    pub(crate) last: Option<LogIdRecord>,
}

/// A command for the leader's log.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Propose {
    /// See [`encode_command`](super::encode_command).
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) command: Bytes,
}

/// What nodes tell each other before there is a cluster; question and answer have one form.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Greeting {
    #[prost(string, tag = "1")]
    pub(crate) node: String,
    #[prost(uint64, tag = "2")]
    pub(crate) raft_id: u64,
    /// The normalised founding list of the speaker's configuration.
    #[prost(string, repeated, tag = "3")]
    pub(crate) founding: Vec<String>,
    #[prost(bool, tag = "4")]
    pub(crate) ephemeral: bool,
    /// Whether the speaker's log has nothing in it.
    #[prost(bool, tag = "5")]
    pub(crate) blank: bool,
    #[prost(bytes = "bytes", optional, tag = "6")]
    pub(crate) cluster_id: Option<Bytes>,
    /// The leader that the speaker knows.
    #[prost(string, optional, tag = "7")]
    pub(crate) leader: Option<String>,
    /// The list that the cluster was founded with, if the speaker knows a cluster.
    #[prost(string, repeated, tag = "8")]
    pub(crate) founded_with: Vec<String>,
    /// Whether the speaker takes no seat.
    #[prost(bool, tag = "9")]
    pub(crate) edge: bool,
}

/// A session asks for its lease.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Renew {
    #[prost(string, tag = "1")]
    pub(crate) node: String,
    #[prost(uint64, tag = "2")]
    pub(crate) incarnation: u64,
    /// The nonce of the leader's last answer.
    #[prost(message, optional, tag = "3")]
    pub(crate) nonce: Option<Nonce>,
}

/// What has the leader committed by now?
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct AskIndex {}

/// What has changed since?
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct AskFeed {
    /// The asker knows everything up to this index.
    #[prost(uint64, tag = "1")]
    pub(crate) known: u64,
    /// The answer goes on after this name, where it is a page of several.
    #[prost(string, optional, tag = "2")]
    pub(crate) after: Option<String>,
    /// An answer that is at this index or later is of use, even with nothing new in it.
    #[prost(uint64, tag = "3")]
    pub(crate) at_least: u64,
    /// How long the answer may wait for something new.
    #[prost(uint32, tag = "4")]
    pub(crate) hold_ms: u32,
    /// The asker's incarnation; none if it is no member yet.
    #[prost(uint64, tag = "5")]
    pub(crate) incarnation: u64,
    /// It has been told of the names that it lost by entries up to this index.
    #[prost(uint64, tag = "6")]
    pub(crate) lost_after: u64,
}

/// What do these names mean, with everything that is committed by now?
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Lookup {
    #[prost(string, repeated, tag = "1")]
    pub(crate) names: Vec<String>,
}

/// Proof that an answer of the leader arrived, and when it was sent.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Nonce {
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) value: u64,
}

impl RequestKind {
    /// The vote of the leader who appends or sends a snapshot.
    pub(crate) fn leader(&self) -> Option<VoteRecord> {
        match self {
            RequestKind::Append(call) => Some(call.vote),
            RequestKind::Snapshot(chunk) => Some(chunk.vote),
            _ => None,
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        super::encode(&Request { kind: Some(self) }).into()
    }

    pub(crate) fn from_bytes(bytes: Bytes) -> Result<RequestKind, WireError> {
        super::decode_bytes::<Request>(bytes)?
            .kind
            .ok_or(WireError::Field("request kind"))
    }
}
