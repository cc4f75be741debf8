//! The control messages: bodies of packets, in Protocol Buffers' encoding, so that fields can be
//! added.
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
    /// How packets that follow must be protected at least, by number; 0 from a node that knows
    /// nothing of it.
    #[prost(uint32, tag = "10")]
    pub protection: u32,
    /// A digest of what TLS between the two nodes exports: 32 bytes, or empty without such TLS.
    #[prost(bytes = "bytes", tag = "11")]
    pub binding: Bytes,
    /// One for each secret that the sender accepts, the newest first: 16 bytes, by which a node
    /// that has the secret too recognises it.
    #[prost(bytes = "bytes", repeated, tag = "12")]
    pub secret_tags: Vec<Bytes>,
}

/// That a node knows the cluster's secret: the body of
/// [`PacketKind::Proof`](crate::PacketKind::Proof).
///
/// It carries all that is needed to check it, so a proof that arrives before its hello is no worse
/// than one that arrives after it.
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
    /// The reason in words, for the log of the receiver, who trusts neither its length nor its
    /// characters.
    #[prost(string, tag = "2")]
    pub text: String,
    /// HMAC-SHA256 over the lane, the sender's hello, the receiver's, the code and the text: 32
    /// bytes.
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
    /// Which sending of the question this is, in the sender's own terms; the answer says it back.
    #[prost(uint64, optional, tag = "4")]
    pub stamp: Option<u64>,
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
    /// The stamp of the sending that was answered; none from a node that knows of none.
    #[prost(uint64, optional, tag = "3")]
    pub stamp: Option<u64>,
    /// How long this sending waited at the answering node, in microseconds.
    #[prost(uint64, tag = "4")]
    pub worked_us: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::limits::{HELLO_BODY_BYTES_MAX, RPC_ENVELOPE_BYTES_MAX, RPC_PAYLOAD_BYTES_MAX};

    #[test]
    fn the_bytes_of_a_hello_are_pinned() {
        let hello = HelloBody {
            protocol_min: 1,
            protocol_max: 2,
            cluster: "c".to_owned(),
            node: "n".to_owned(),
            session: Bytes::from_static(b"s"),
            raft_id: 7,
            role: 1,
            nonce: Bytes::from_static(b"r"),
            has_secret: true,
            protection: 2,
            binding: Bytes::from_static(b"b"),
            secret_tags: vec![Bytes::from_static(b"t")],
        };
        let expected = [
            0x08, 1, 0x10, 2, 0x1a, 1, b'c', 0x22, 1, b'n', 0x2a, 1, b's', 0x31, 7, 0, 0, 0, 0, 0,
            0, 0, 0x38, 1, 0x42, 1, b'r', 0x48, 1, 0x50, 2, 0x5a, 1, b'b', 0x62, 1, b't',
        ];
        assert_eq!(hello.encode_to_vec(), expected);
    }

    #[test]
    fn the_largest_hello_leaves_half_the_limit_to_later_fields() {
        let hello = HelloBody {
            protocol_min: u32::MAX,
            protocol_max: u32::MAX,
            cluster: "c".repeat(crate::limits::CLUSTER_NAME_BYTES_MAX),
            node: "n".repeat(crate::limits::NODE_ID_BYTES_MAX),
            session: Bytes::from_static(&[0; 16]),
            raft_id: u64::MAX,
            role: u32::MAX,
            nonce: Bytes::from_static(&[0; 32]),
            has_secret: true,
            protection: u32::MAX,
            binding: Bytes::from_static(&[0; 32]),
            secret_tags: vec![Bytes::from_static(&[0; 16]); 2],
        };
        assert!(hello.encoded_len() * 2 <= HELLO_BODY_BYTES_MAX);
    }

    #[test]
    fn the_envelope_of_a_request_fits_what_is_kept_free_for_it() {
        let body = Bytes::from(vec![1; RPC_PAYLOAD_BYTES_MAX]);
        let request = RequestBody {
            id: u64::MAX,
            deadline_ms: u32::MAX,
            body: body.clone(),
            stamp: Some(u64::MAX),
        };
        assert!(request.encoded_len() - body.len() <= RPC_ENVELOPE_BYTES_MAX);
        let response = ResponseBody {
            id: u64::MAX,
            body: body.clone(),
            stamp: Some(u64::MAX),
            worked_us: u64::MAX,
        };
        assert!(response.encoded_len() - body.len() <= RPC_ENVELOPE_BYTES_MAX);
    }

    #[test]
    fn the_payload_of_a_request_is_not_copied() {
        let request = RequestBody {
            id: 1,
            deadline_ms: 2,
            body: Bytes::from(vec![1; 5000]),
            stamp: None,
        };
        let encoded = Bytes::from(request.encode_to_vec());
        let decoded = RequestBody::decode(encoded.clone()).expect("a request");
        assert_eq!(decoded, request);
        assert!(encoded.as_ptr_range().contains(&decoded.body.as_ptr()));
    }

    #[test]
    fn fields_that_are_not_known_are_ignored() {
        let mut encoded = ResponseBody {
            id: 3,
            body: Bytes::from_static(b"x"),
            ..ResponseBody::default()
        }
        .encode_to_vec();
        encoded.extend_from_slice(&[0xfa, 0x07, 2, b'n', b'o']);
        let decoded = ResponseBody::decode(Bytes::from(encoded)).expect("a response");
        assert_eq!((decoded.id, &decoded.body[..]), (3, &b"x"[..]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes: Vec<u8>) {
            let bytes = Bytes::from(bytes);
            let _ = HelloBody::decode(bytes.clone());
            let _ = ProofBody::decode(bytes.clone());
            let _ = RefusalBody::decode(bytes.clone());
            let _ = RequestBody::decode(bytes.clone());
            let _ = ResponseBody::decode(bytes);
        }

        #[test]
        fn requests_and_responses_are_read_back(
            id: u64,
            deadline_ms: u32,
            body: Vec<u8>,
            stamp: Option<u64>,
            worked_us: u64,
        ) {
            let body = Bytes::from(body);
            let request = RequestBody { id, deadline_ms, body: body.clone(), stamp };
            let encoded = Bytes::from(request.encode_to_vec());
            prop_assert_eq!(RequestBody::decode(encoded).expect("a request"), request);
            let response = ResponseBody { id, body, stamp, worked_us };
            let encoded = Bytes::from(response.encode_to_vec());
            prop_assert_eq!(ResponseBody::decode(encoded).expect("a response"), response);
        }
    }
}
