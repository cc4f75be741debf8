//! What one client may send, and how its connection is kept.

use std::time::Duration;

use raftwire::MESSAGE_BYTES_MAX_CEILING;

use super::{DURATION_MAX, PLAIN, put};
use crate::config::key::Key;

/// The least that a client must be able to send: an envelope and a few words.
const CLIENT_MESSAGE_BYTES_MIN: usize = 1024;
/// Each costs the memory of a waiting message.
const SENDS_IN_FLIGHT_CEILING: usize = 65_536;
/// The shortest interval at which thousands of clients may be pinged.
const PING_INTERVAL_MIN: Duration = Duration::from_secs(1);

pub(super) static SESSION: &[Key] = &[
    Key {
        name: "client.message_bytes_max",
        allowed: "a size from 1 KiB to 64 MiB",
        default: Some("1 MiB"),
        reason: "As large as what is routed",
        help: "The largest payload that a client may send; where message_bytes_max is less, that. A \
               message that comes is held in memory with its envelope, twice as large at most",
        placeholder: "SIZE",
        apply: |options, value| {
            let range = CLIENT_MESSAGE_BYTES_MIN..=MESSAGE_BYTES_MAX_CEILING;
            put(&mut options.client.message_bytes_max, value.bytes(range))
        },
        ..PLAIN
    },
    Key {
        name: "client.sends_in_flight_max",
        allowed: "a number from 1 to 65536",
        default: Some("64"),
        reason: "Keeps one client busy over a long line without filling the queues of others",
        help: "How many of one client's sends may wait for their outcome, whoever they are for; it is \
               read no further until one has it",
        placeholder: "COUNT",
        apply: |options, value| {
            let range = 1..=SENDS_IN_FLIGHT_CEILING;
            put(
                &mut options.client.sends_in_flight_max,
                value.integer(range),
            )
        },
        ..PLAIN
    },
    Key {
        name: "client.ping_interval",
        allowed: "a duration from 1s to 10m",
        default: Some("25s"),
        reason: "Below the 30 to 60 s after which proxies give up silent connections",
        help: "How often a client is pinged; two intervals of silence end the connection",
        placeholder: "DURATION",
        apply: |options, value| {
            let range = PING_INTERVAL_MIN..=DURATION_MAX;
            put(&mut options.client.ping_interval, value.duration(range))
        },
        ..PLAIN
    },
    Key {
        name: "client.compression",
        allowed: "true or false",
        default: Some("false"),
        reason: "It costs processor time for each message, and pays where lines are slow or dear",
        help: "Whether messages are compressed to and from clients that offer permessage-deflate. Each by \
               itself, so that an idle client costs no more memory",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.client.compression, value.boolean()),
        ..PLAIN
    },
    Key {
        name: "client.echo",
        allowed: "true or false",
        default: Some("false"),
        reason: "Nobody but a test or a measurement asks for it",
        help: "Whether /echo answers each WebSocket message with itself: for conformance tests and \
               measurements of the client's side, not for clients",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.client.echo, value.boolean()),
        ..PLAIN
    },
];
