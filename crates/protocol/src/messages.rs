//! The control messages: bodies of packets, in Protocol Buffers' encoding, so that fields can be added.
//!
//! A node ignores fields that it does not know. Numbers of fields are never used again.

use bytes::Bytes;

/// Who a node is: the body of [`PacketKind::Hello`](crate::PacketKind::Hello).
#[derive(Clone, PartialEq, prost::Message)]
pub struct HelloBody {
    /// The lowest protocol version that the sender speaks.
    #[prost(uint32, tag = "1")]
    pub protocol_min: u32,
    /// The highest.
    #[prost(uint32, tag = "2")]
    pub protocol_max: u32,
    /// The cluster's name.
    #[prost(string, tag = "3")]
    pub cluster: String,
    /// The sender's node id.
    #[prost(string, tag = "4")]
    pub node: String,
    /// The sender's session: 16 bytes.
    #[prost(bytes = "bytes", tag = "5")]
    pub session: Bytes,
    /// The sender's Raft id.
    #[prost(fixed64, tag = "6")]
    pub raft_id: u64,
    /// What the sender is to the cluster, by number.
    #[prost(uint32, tag = "7")]
    pub role: u32,
    /// 32 random bytes of this attempt, which the peer's proof must cover.
    #[prost(bytes = "bytes", tag = "8")]
    pub nonce: Bytes,
    /// Whether the sender has the cluster's secret and demands that the peer proves to have it.
    #[prost(bool, tag = "9")]
    pub has_secret: bool,
}

/// That a node knows the cluster's secret: the body of [`PacketKind::Proof`](crate::PacketKind::Proof).
///
/// It carries all that is needed to check it, so a proof that arrives before its hello is no worse than
/// one that arrives after it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProofBody {
    /// HMAC-SHA256 over the lane, the sender's hello and the receiver's: 32 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub mac: Bytes,
    /// The sender's hello, byte for byte.
    #[prost(bytes = "bytes", tag = "2")]
    pub hello: Bytes,
    /// The nonce of the receiver's hello that this answers: 32 bytes.
    #[prost(bytes = "bytes", tag = "3")]
    pub answers: Bytes,
}

/// That the sender does not want the receiver as a peer: the body of
/// [`PacketKind::Refusal`](crate::PacketKind::Refusal).
#[derive(Clone, PartialEq, prost::Message)]
pub struct RefusalBody {
    /// The reason, by number.
    #[prost(uint32, tag = "1")]
    pub code: u32,
    /// The reason in words, for the log of the receiver, who trusts neither its length nor its characters.
    #[prost(string, tag = "2")]
    pub text: String,
    /// HMAC-SHA256 over the lane, the sender's hello, the receiver's, the code and the text: 32 bytes.
    #[prost(bytes = "bytes", tag = "3")]
    pub mac: Bytes,
    /// The sender's hello, byte for byte.
    #[prost(bytes = "bytes", tag = "4")]
    pub hello: Bytes,
    /// The nonce of the receiver's hello that is refused: 32 bytes.
    #[prost(bytes = "bytes", tag = "5")]
    pub answers: Bytes,
}

/// A question on the control lane: the body of [`PacketKind::Request`](crate::PacketKind::Request).
#[derive(Clone, PartialEq, prost::Message)]
pub struct RequestBody {
    /// Chosen by the sender; a resent request has the same.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// How long the sender still waits, in milliseconds, counted from sending.
    #[prost(uint32, tag = "2")]
    pub deadline_ms: u32,
    /// The question; shares the packet's memory.
    #[prost(bytes = "bytes", tag = "3")]
    pub body: Bytes,
}

/// The answer to a request: the body of [`PacketKind::Response`](crate::PacketKind::Response).
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResponseBody {
    /// The request's.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// The answer; shares the packet's memory.
    #[prost(bytes = "bytes", tag = "2")]
    pub body: Bytes,
}
