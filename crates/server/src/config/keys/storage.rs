//! What a node keeps of what was agreed.

use raftwire::SeatPolicy;

use super::{PLAIN, put};
use crate::config::key::Key;

pub(super) static STORAGE: &[Key] = &[
    Key {
        name: "data_dir",
        allowed: "a folder that this node may write to",
        example: "\"/var/lib/raftwire\"",
        help: "Where the log and the identity are kept. Default: ./raftwire-data/<node id>",
        placeholder: "FOLDER",
        apply: |options, value| put(&mut options.cluster.data_dir, value.file()),
        ..PLAIN
    },
    Key {
        name: "ephemeral",
        allowed: "true or false",
        default: Some("false"),
        reason: "A restart of all nodes must not lose what was agreed",
        help: "Keep nothing on disk: the cluster forgets itself when a majority stops",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.cluster.ephemeral, value.boolean()),
        ..PLAIN
    },
    Key {
        name: "seat",
        allowed: "\"auto\" or \"edge\"",
        default: Some("auto"),
        reason: "Where voters are missing, a node that can vote should",
        help: "auto: vote, stand by with a copy of the log, or be an edge, as the cluster needs it. \
               edge: never vote and keep no log, so that this node may come and go as it likes",
        apply: |options, value| {
            let seats = [("auto", SeatPolicy::Auto), ("edge", SeatPolicy::Edge)];
            put(&mut options.cluster.seat, value.one_of(seats))
        },
        ..PLAIN
    },
];
