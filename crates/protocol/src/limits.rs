//! Every limit of the wire, with its unit and its reason.

/// Bytes of the fixed header that begins each packet.
pub const PACKET_HEADER_BYTES: usize = 64;

/// Bytes that stand behind the body of a packet that is protected.
pub const PACKET_TRAILER_BYTES: usize = 32;

/// Bytes of the largest packet on [`Lane::Data`](crate::Lane::Data), header included.
///
/// 256 KiB keep a 100 Mbit/s line busy for 21 ms: long enough that the header and the system call
/// cost nothing, short enough that a message to another connection is not kept waiting for longer.
pub const DATA_PACKET_BYTES_MAX: usize = 256 * 1024;

/// Bytes of the largest packet on [`Lane::Control`](crate::Lane::Control), header included.
///
/// 64 KiB pass a 100 Mbit/s line in 5 ms, a twentieth of the shortest heartbeat interval, so that
/// no control message delays the heartbeat behind it noticeably.
pub const CONTROL_PACKET_BYTES_MAX: usize = 64 * 1024;

/// Bytes of the largest packet on any lane, header included: what a transport must be able to
/// carry.
pub const PACKET_BYTES_MAX: usize = DATA_PACKET_BYTES_MAX;

/// Bytes that a request or response spends beside its payload: three tags, two numbers and a
/// length, rounded up.
pub const RPC_ENVELOPE_BYTES_MAX: usize = 64;

/// Bytes of the largest payload of one request or response on the control lane, protected or not.
pub const RPC_PAYLOAD_BYTES_MAX: usize =
    CONTROL_PACKET_BYTES_MAX - PACKET_HEADER_BYTES - RPC_ENVELOPE_BYTES_MAX - PACKET_TRAILER_BYTES;

/// Bytes of the largest message that is routed, unless the operator sets another limit.
///
/// 1 MiB is what browsers and proxies handle without special care, and what an outbox can hold of
/// one client.
pub const MESSAGE_BYTES_MAX_DEFAULT: usize = 1024 * 1024;

/// Bytes that the operator may at most set as the limit of one message.
///
/// A message is reassembled in memory; at 64 MiB sixteen of them under way are a gigabyte.
pub const MESSAGE_BYTES_CEILING: usize = 64 * 1024 * 1024;

/// Bytes of the longest [`NodeId`](crate::NodeId): a DNS label has 63, and ids are written in every
/// log line.
pub const NODE_ID_BYTES_MAX: usize = 64;

/// Bytes of the longest [`Name`](crate::Name) of a connection: room for an address or a token, and a million of them
/// stay within what a voter keeps in memory.
pub const NAME_BYTES_MAX: usize = 256;

/// Bytes of the longest cluster name; it is part of every hello and of every broker key.
pub const CLUSTER_NAME_BYTES_MAX: usize = 64;

/// Bytes of the longest hello: twice what today's fields can fill, so that fields can be added.
pub const HELLO_BODY_BYTES_MAX: usize = 1024;

/// Bytes of the longest proof: a hello, a code, a nonce, and room for fields to come.
pub const PROOF_BODY_BYTES_MAX: usize = 2 * HELLO_BODY_BYTES_MAX;

/// Bytes of the text that a refusal carries: one log line.
pub const REFUSAL_TEXT_BYTES_MAX: usize = 512;

/// Bytes of the longest refusal: a hello, the text, a code, a nonce, and room for fields to come.
pub const REFUSAL_BODY_BYTES_MAX: usize = 2 * HELLO_BODY_BYTES_MAX + REFUSAL_TEXT_BYTES_MAX;

/// The largest index of a connection at its node: 24 bits, more than 16 million places.
pub const CONNECTION_INDEX_MAX: u32 = (1 << 24) - 1;

/// Bytes of the reason in a WebSocket close frame: 125 of a control frame less the code (RFC 6455
/// §5.5).
pub const CLOSE_REASON_BYTES_MAX: usize = 123;

const _: () = {
    assert!(CONTROL_PACKET_BYTES_MAX <= DATA_PACKET_BYTES_MAX);
    assert!(DATA_PACKET_BYTES_MAX <= u32::MAX as usize);
    assert!(PACKET_HEADER_BYTES < CONTROL_PACKET_BYTES_MAX);
    assert!(PACKET_HEADER_BYTES + HELLO_BODY_BYTES_MAX <= CONTROL_PACKET_BYTES_MAX);
    assert!(PACKET_HEADER_BYTES + PROOF_BODY_BYTES_MAX <= CONTROL_PACKET_BYTES_MAX);
    assert!(PACKET_HEADER_BYTES + REFUSAL_BODY_BYTES_MAX <= CONTROL_PACKET_BYTES_MAX);
    assert!(CLUSTER_NAME_BYTES_MAX + NODE_ID_BYTES_MAX < HELLO_BODY_BYTES_MAX / 2);
    assert!(MESSAGE_BYTES_MAX_DEFAULT <= MESSAGE_BYTES_CEILING);
    assert!(
        PACKET_BYTES_MAX < MESSAGE_BYTES_MAX_DEFAULT,
        "large messages are cut into chunks"
    );
};
