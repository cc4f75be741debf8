//! What is counted: the ways of a message, each as a whole and in its parts.

mod cluster;
mod decode;
mod fan;
mod link;
mod outbox;
mod route;
mod whole_way;
mod words;

/// A way that messages go, over and over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HotPath {
    /// What it is called in the record.
    pub(crate) name: &'static str,
    /// What one message of it is.
    pub(crate) what: &'static str,
    /// Messages that are counted: enough that a table which grows, or a heartbeat, is nothing beside them.
    pub(crate) messages: u64,
    /// Takes so many messages along it, a multiple of [`AT_ONCE`].
    pub(crate) run: fn(u64),
}

/// Messages that are on their way together: as many as a client may have by default
/// (`client.sends_in_flight_max`).
pub(crate) const AT_ONCE: u64 = 64;

/// Every path, in the order of the record.
pub(crate) const ALL: &[HotPath] = &[
    HotPath {
        name: "decode-text-64",
        what: "a client's text of 64 bytes, out of its frame",
        messages: 64 * AT_ONCE,
        run: decode::text_64,
    },
    HotPath {
        name: "decode-text-1k",
        what: "a client's text of 1 KiB, out of its frame",
        messages: 64 * AT_ONCE,
        run: decode::text_1k,
    },
    HotPath {
        name: "decode-binary-64",
        what: "a client's 64 bytes, out of their frame",
        messages: 64 * AT_ONCE,
        run: decode::binary_64,
    },
    HotPath {
        name: "decode-binary-1k",
        what: "a client's 1 KiB, out of its frame",
        messages: 64 * AT_ONCE,
        run: decode::binary_1k,
    },
    HotPath {
        name: "read-send-text",
        what: "a send in JSON, understood",
        messages: 64 * AT_ONCE,
        run: words::read_send_text,
    },
    HotPath {
        name: "read-send-binary",
        what: "a send in bytes, understood",
        messages: 64 * AT_ONCE,
        run: words::read_send_binary,
    },
    HotPath {
        name: "say-result",
        what: "the answer to a send, in JSON",
        messages: 64 * AT_ONCE,
        run: words::say_result,
    },
    HotPath {
        name: "link-acknowledged",
        what: "a message over two links and its acknowledgement back",
        messages: 64 * AT_ONCE,
        run: link::acknowledged,
    },
    HotPath {
        name: "link-forgotten",
        what: "a message over two links, which nobody waits for",
        messages: 64 * AT_ONCE,
        run: link::forgotten,
    },
    HotPath {
        name: "route-acknowledged",
        what: "a message from one node to the outbox of another, and the outcome back",
        messages: 64 * AT_ONCE,
        run: route::acknowledged,
    },
    HotPath {
        name: "route-forgotten",
        what: "a message from one node to the outbox of another, which nobody waits for",
        messages: 64 * AT_ONCE,
        run: route::forgotten,
    },
    HotPath {
        name: "outbox-text",
        what: "a text into an outbox of this node, and out of it as a frame",
        messages: 64 * AT_ONCE,
        run: outbox::text_frames,
    },
    HotPath {
        name: "outbox-binary",
        what: "bytes into an outbox of this node, and out of it as a frame",
        messages: 64 * AT_ONCE,
        run: outbox::binary_frames,
    },
    HotPath {
        name: "fan-out",
        what: "a copy of a message to a group of 100 connections of this node",
        messages: 100 * AT_ONCE,
        run: fan::local,
    },
    HotPath {
        name: "whole-way",
        what: "a send from a client's socket to that of a client of another node, and its answer, all four ends",
        messages: 64 * AT_ONCE,
        run: whole_way::run,
    },
];

/// So many bytes of text, without a character that JSON escapes.
fn text(len: usize) -> String {
    (b'a'..=b'z').cycle().take(len).map(char::from).collect()
}
