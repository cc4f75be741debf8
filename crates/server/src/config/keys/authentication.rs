//! Who a client is.

use std::ops::RangeInclusive;
use std::time::Duration;

use raftwire::NamePolicy;

use super::{PLAIN, put};
use crate::config::key::Key;

/// How long a question to the application may be allowed to take: a client and its socket wait meanwhile.
const AUTHENTICATION_TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(10);

pub(super) static AUTHENTICATION: &[Key] = &[
    Key {
        name: "client.identity_in_query",
        allowed: "true or false",
        default: Some("false"),
        reason: "Anybody could say to be anybody",
        help: "Whether a client is believed the user and name of its URL, as in \
               /ws?user=alice&name=alice@phone. Not read where there is an authentication_url",
        placeholder: "BOOL",
        apply: |options, value| put(&mut options.client.identity_in_query, value.boolean()),
        ..PLAIN
    },
    Key {
        name: "client.authentication_url",
        allowed: "a URL, http://host:port/path",
        example: "\"http://127.0.0.1:8000/who\"",
        help: "Where the application is asked who a client is, before it is let in. Default: nobody is \
               asked",
        placeholder: "URL",
        apply: |options, value| {
            put(
                &mut options.client.authentication_url,
                value.owned().map(Some),
            )
        },
        ..PLAIN
    },
    Key {
        name: "client.authentication_token",
        allowed: "at least 16 printable characters without blanks",
        example: "\"what-the-application-knows-nodes-by\"",
        help: "The bearer token that the application is asked with. Default: none",
        confidential: true,
        apply: |options, value| {
            put(
                &mut options.client.authentication_token,
                value.token().map(Some),
            )
        },
        ..PLAIN
    },
    Key {
        name: "client.authentication_timeout",
        allowed: "a duration from 10ms to 10s",
        default: Some("2s"),
        reason: "A client waits for it before it is let in, and its socket is held meanwhile",
        help: "How long the application may take to answer; the client is told to try again then",
        placeholder: "DURATION",
        apply: |options, value| {
            put(
                &mut options.client.authentication_timeout,
                value.duration(AUTHENTICATION_TIMEOUT),
            )
        },
        ..PLAIN
    },
    Key {
        name: "client.name_policy",
        allowed: "\"take_over\" or \"refuse\"",
        default: Some("take_over"),
        reason: "A client that comes back before its old connection was missed gets its name again",
        help: "What happens when a client comes with a name that another connection has: the older one \
               is closed, or the newer one refused",
        apply: |options, value| {
            let policies = [
                ("take_over", NamePolicy::TakeOver),
                ("refuse", NamePolicy::IfFree),
            ];
            put(&mut options.client.name_policy, value.one_of(policies))
        },
        ..PLAIN
    },
];
