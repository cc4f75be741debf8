//! The HTTP side of the port.

use std::time::Duration;

use super::{DURATION_MAX, PLAIN, put};
use crate::config::key::Key;

pub(super) static HTTP: &[Key] = &[
    Key {
        name: "http.token",
        allowed: "at least 16 printable characters without blanks",
        example: "\"at-least-16-printable-characters\"",
        help: "The bearer token of the HTTP API. Default: none, and the API is open on loopback only",
        confidential: true,
        apply: |options, value| put(&mut options.http.token, value.token().map(Some)),
        ..PLAIN
    },
    Key {
        name: "http.handshake_timeout",
        allowed: "a duration from 100ms to 10m",
        default: Some("10s"),
        reason: "Long for any network, short for somebody who holds sockets open",
        help: "How long a TLS handshake may take, and then the head of a request, or a socket be \
               idle before it",
        placeholder: "DURATION",
        apply: |options, value| {
            let range = Duration::from_millis(100)..=DURATION_MAX;
            put(&mut options.http.handshake_timeout, value.duration(range))
        },
        ..PLAIN
    },
];
