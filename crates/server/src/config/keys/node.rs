//! Who a node is, and where it is reached.

use super::{PLAIN, put};
use crate::config::key::Key;

pub(super) static NODE: &[Key] = &[
    Key {
        name: "node_id",
        allowed: "1 to 64 of A-Z a-z 0-9 . _ -",
        example: "\"node1\"",
        help: "This node's name, unique in the cluster. Default: generated, and kept in the data folder",
        placeholder: "NAME",
        apply: |options, value| put(&mut options.cluster.node_id, value.parse().map(Some)),
        ..PLAIN
    },
    Key {
        name: "node_address",
        allowed: "a host name or an address without its port",
        default: Some("127.0.0.1"),
        reason: "Without being told, a node is reached from its own machine only",
        help: "The address at which other nodes reach this one, and where it listens unless \
               listen_address says otherwise",
        placeholder: "HOST",
        apply: |options, value| put(&mut options.cluster.node_address, value.host()),
        ..PLAIN
    },
    Key {
        name: "node_port",
        allowed: "a port, 1 to 65535",
        default: Some("5000"),
        reason: "One port for everything is one rule in a firewall",
        help: "The one port: cluster channel, clients, HTTP API",
        placeholder: "PORT",
        apply: |options, value| put(&mut options.cluster.node_port, value.integer(1..=u16::MAX)),
        ..PLAIN
    },
    Key {
        name: "listen_address",
        allowed: "an address of this machine, such as 0.0.0.0 or ::",
        example: "\"0.0.0.0\"",
        help: "The address to listen on. Default: node_address",
        placeholder: "HOST",
        apply: |options, value| put(&mut options.listen_address, value.host().map(Some)),
        ..PLAIN
    },
];
