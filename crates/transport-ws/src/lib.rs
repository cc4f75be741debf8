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
//! With [`WsOptions::tls`] every connection that this transport dials or accepts is TLS, with a
//! certificate at each end that names its node; see [`tls`]. An address says where a node is, and not whether TLS is spoken: `wss://` is
//! refused where TLS is not set up, and nothing is ever dialled in the clear where it is.
//!
//! **What is absent.** No authentication but that of certificates: the hello above the transport
//! does that. No resending, no order across connections.

mod accept;
mod acceptor;
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
pub mod tls;
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
