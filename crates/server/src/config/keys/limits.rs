//! How long things may take, and how much there may be of them.

use std::time::Duration;

use raftwire::{MESSAGE_BYTES_MAX_CEILING, NAMES_MAX_CEILING, OutboxPolicy};

use super::{DURATION_MAX, PLAIN, put};
use crate::config::key::Key;

/// The most that an outbox may be set to hold.
const OUTBOX_BYTES_CEILING: usize = 1 << 30;

pub(super) static LIMITS: &[Key] = &[
    Key {
        name: "route_deadline",
        allowed: "a duration from 1ms to 10m",
        default: Some("5s"),
        reason: "About the longest that a person waits, and longer than a failover",
        help: "How long a message may take to be delivered or answered for",
        placeholder: "DURATION",
        apply: |options, value| {
            let range = Duration::from_millis(1)..=DURATION_MAX;
            put(&mut options.cluster.route_deadline, value.duration(range))
        },
        ..PLAIN
    },
    Key {
        name: "message_bytes_max",
        allowed: "a size from 1 B to 64 MiB",
        default: Some("1 MiB"),
        reason: "Larger messages hold up others and belong into a store, with a link sent",
        help: "The largest payload that is routed",
        placeholder: "SIZE",
        apply: |options, value| {
            let range = 1..=MESSAGE_BYTES_MAX_CEILING;
            put(&mut options.cluster.message_bytes_max, value.bytes(range))
        },
        ..PLAIN
    },
    Key {
        name: "outbox_bytes_max",
        allowed: "a size from 1 B to 1 GiB",
        default: Some("1 MiB"),
        reason: "A second of 8 Mbit/s: a client that is further behind does not keep up",
        help: "What may wait for one client before it is too slow",
        placeholder: "SIZE",
        apply: |options, value| {
            let range = 1..=OUTBOX_BYTES_CEILING;
            put(&mut options.cluster.outbox_bytes_max, value.bytes(range))
        },
        ..PLAIN
    },
    Key {
        name: "names_max",
        allowed: "a number from 1 to 1000000",
        default: Some("1000000"),
        reason: "Each costs every voter some hundred bytes of memory, and of its snapshot",
        help: "How many names the cluster's connections may have; what the founding node was told \
               holds for all",
        placeholder: "COUNT",
        apply: |options, value| {
            let range = 1..=NAMES_MAX_CEILING;
            put(&mut options.cluster.names_max, value.integer(range))
        },
        ..PLAIN
    },
    Key {
        name: "outbox_policy",
        allowed: "\"close\", \"refuse\" or \"drop_oldest\"",
        default: Some("close"),
        reason: "A client that missed something learns it, and comes back",
        help: "What happens when a client is too slow: close it, refuse the message, or drop the \
               oldest fire-and-forget messages",
        apply: |options, value| {
            let policies = [
                ("close", OutboxPolicy::Close),
                ("refuse", OutboxPolicy::Refuse),
                ("drop_oldest", OutboxPolicy::DropOldest),
            ];
            put(&mut options.cluster.outbox_policy, value.one_of(policies))
        },
        ..PLAIN
    },
    Key {
        name: "shutdown_deadline",
        allowed: "a duration from 1s to 10m",
        default: Some("10s"),
        reason: "Well below the 30 s after which supervisors kill",
        help: "How long a stop may take in all",
        placeholder: "DURATION",
        apply: |options, value| {
            let range = Duration::from_secs(1)..=DURATION_MAX;
            put(&mut options.shutdown_deadline, value.duration(range))
        },
        ..PLAIN
    },
];
