//! The `raftwire` server: the library `raftwire` with a port, a configuration and a command line.
//!
//! - [`cli`] reads the command line; [`config`] what a node is told, from file, environment and
//!   flags; [`mod@serve`] runs a node from that until it is told to stop.
//! - One port serves everything: `listener` accepts, `http` answers requests, [`client`] speaks
//!   `raftwire.v1` with WebSocket clients, and the channels of other nodes are handed to the
//!   transport. [`websocket_engine`] is the only module that knows WebSocket.
//! - [`authentication`] says who a client is: by the configuration, or by the application's own code.
//! - [`metrics`] says the library's figures, and the server's own, in Prometheus' text format.
//! - [`http_client`] is what `raftwire status` and `raftwire send` ask a node with; [`demo`] is a
//!   cluster of real processes that shows what it does.
//!
//! **What is absent.** Nothing here decides where a message goes or what became of it: that is
//! the library's, and this crate only says it on.

pub mod authentication;
pub mod cli;
pub mod client;
pub mod config;
pub mod demo;
mod http;
pub mod http_client;
mod listener;
pub mod metrics;
mod node;
pub mod serve;
mod tls;
pub mod websocket_engine;

pub use http::{ClusterReport, ConnectionCounts, NodeReport};
