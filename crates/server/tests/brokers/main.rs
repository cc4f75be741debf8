//! Three real nodes whose traffic rides on a private broker, and what that broker does.

// Helpers of tests, which have sockets of their own and say how long things took.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stderr)]

mod broker;
mod failures;
mod lanes;
mod rabbitmq;
mod redis;
mod strangers;
#[path = "../support/mod.rs"]
mod support;

#[path = "../../../transport-rabbitmq/tests/common/rabbitmq_server.rs"]
#[allow(dead_code, unreachable_pub)]
mod rabbitmq_server;
#[path = "../../../transport-rabbitmq/tests/common/stranger.rs"]
#[allow(dead_code, unreachable_pub)]
mod rabbitmq_stranger;
#[path = "../../../transport-redis/tests/common/redis_server.rs"]
#[allow(dead_code, unreachable_pub)]
mod redis_server;
