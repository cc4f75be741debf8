//! The endpoint of WebSocket clients: which may connect, and what they may do.

use super::{PLAIN, put};
use crate::config::key::Key;
use crate::config::value::Unfit;

/// More than one process can hold.
const CONNECTIONS_CEILING: usize = 10_000_000;

pub(super) static CLIENT: &[Key] = &[
    Key {
        name: "client.path",
        allowed: "a path that begins with \"/\"",
        default: Some("/ws"),
        reason: "What the field uses",
        help: "The path of the endpoint of WebSocket clients",
        placeholder: "PATH",
        apply: |options, value| put(&mut options.client.path, value.url_path()),
        ..PLAIN
    },
    Key {
        name: "client.origins",
        allowed: "origins of web pages such as https://app.example.org, or *",
        example: "[\"https://app.example.org\"]",
        help: "The web pages that may connect. Programs that are no browsers send no origin, and \
               may. Default: pages that came from the same host and port",
        placeholder: "ORIGIN,…",
        apply: |options, value| {
            let origins = value
                .list()?
                .into_iter()
                .map(|item| item.parse().map_err(Unfit::because));
            put(&mut options.client.origins, origins.collect())
        },
        ..PLAIN
    },
    Key {
        name: "client.connections_max",
        allowed: "a number from 1 to 10000000",
        default: Some("100000"),
        reason: "About 1 GB of idle clients",
        help: "How many clients are held at once; further ones are refused with 503. Fewer where the \
               limit of open files is lower",
        placeholder: "COUNT",
        apply: |options, value| {
            put(
                &mut options.client.connections_max,
                value.integer(1..=CONNECTIONS_CEILING),
            )
        },
        ..PLAIN
    },
    Key {
        name: "client.allow_send",
        allowed: "true or false",
        default: Some("false"),
        reason: "What strangers may do is opened by hand",
        help: "Whether a client may send to connections, users and groups",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.client.allow_send, value.boolean()),
        ..PLAIN
    },
    Key {
        name: "client.allow_join",
        allowed: "true or false",
        default: Some("false"),
        reason: "What strangers may do is opened by hand",
        help: "Whether a client may join and leave groups",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.client.allow_join, value.boolean()),
        ..PLAIN
    },
];
