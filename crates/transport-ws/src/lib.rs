//! The transport that needs no broker: each node dials each other one over WebSocket, with a
//! connection a lane.
//!
//! [`WsClusterTransport`] either listens by itself ([`WsOptions::listen`]), or takes connections
//! that the application's own web server has upgraded: answer the upgrade request with
//! [`WsAcceptor::answer`], then hand the stream to [`WsAcceptor::accept_upgraded`]. The address of
//! the cluster channel is `ws://host:port/cluster?node=<who dials>&lane=<control or data>`.
//!
//! Each configured peer is dialled for as long as the transport runs, one attempt at a time on
//! each lane, except while a channel of it is adopted. Connections are watched with pings; a peer
//! that has fallen silent is dropped within three intervals.
//!
//! **What is absent.** No authentication: the hello above the transport does that. No TLS yet: a
//! `wss://` peer is refused when the transport is made. No resending, no order across
//! connections.

mod accept;
mod acceptor;
mod back_off;
mod channel_task;
mod context;
mod dialer;
mod factory;
mod http_head;
mod listener;
mod options;
mod peer_book;
mod peer_request;
mod registry;
mod send_queue;
mod socket;
mod tasks;
mod transport;
mod upgrade;
mod watched_io;

pub use accept::AcceptUpgradedError;
pub use acceptor::WsAcceptor;
pub use factory::WsClusterTransportFactory;
pub use options::WsOptions;
pub use peer_request::{InvalidPeerRequest, PeerRequest};
pub use transport::WsClusterTransport;
pub use upgrade::{UpgradeError, upgrade_response};
