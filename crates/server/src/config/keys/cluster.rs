//! Which cluster a node belongs to, and how its members know each other.

use super::{PLAIN, put};
use crate::config::key::Key;
use crate::config::value::Unfit;

pub(super) static CLUSTER: &[Key] = &[
    Key {
        name: "nodes",
        allowed: "node addresses: ws://host:port/nodeId, wss://…, nodeId@host:port or nodeId",
        example: "[\"ws://10.0.0.1:5000/node1\", \"ws://10.0.0.2:5000/node2\"]",
        help: "The founding members. Listing this node, duplicates and the order make no \
               difference. Default: none, a cluster of one",
        placeholder: "ADDRESS,…",
        apply: |options, value| {
            let addresses = value.list()?.into_iter().map(|item| {
                item.parse()
                    .map_err(|error| Unfit::because(format_args!("{item:?}: {error}")))
            });
            put(&mut options.cluster.nodes, addresses.collect())
        },
        ..PLAIN
    },
    Key {
        name: "cluster_name",
        allowed: "1 to 64 of A-Z a-z 0-9 . _ -",
        default: Some("raftwire"),
        reason: "Two clusters on one network need different names",
        help: "The cluster's name; nodes of another name are refused",
        placeholder: "NAME",
        apply: |options, value| put(&mut options.cluster.cluster_name, value.owned()),
        ..PLAIN
    },
    Key {
        name: "secret",
        allowed: "text of at least 16 bytes that every node of the cluster has, and nobody else: \
                  `openssl rand -base64 32` makes one",
        example: "\"what every node of the cluster knows\"",
        help: "What nodes prove to each other to know. Default: none, allowed only while every \
               address is loopback",
        confidential: true,
        apply: |options, value| put(&mut options.cluster.secret, value.parse().map(Some)),
        ..PLAIN
    },
    Key {
        name: "secret_previous",
        allowed: "text like `secret`: the one before or after it",
        example: "\"what every node of the cluster knew before\"",
        help: "A second secret that is accepted while the secret is exchanged. Default: none",
        confidential: true,
        apply: |options, value| {
            put(
                &mut options.cluster.secret_previous,
                value.parse().map(Some),
            )
        },
        ..PLAIN
    },
    Key {
        name: "encrypt",
        allowed: "true or false",
        default: Some("false"),
        reason: "Codes keep strangers out; hiding what is said costs more, and TLS does it as well",
        help: "Encrypt what nodes say to each other where TLS between them does not; needs a secret",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.cluster.encrypt, value.boolean()),
        ..PLAIN
    },
];
