//! What the port answers to HTTP requests.
//!
//! Eight routes, told apart in [`Route`]; every error is a JSON body of one form. The three that
//! open a WebSocket answer 101 and leave the rest in the connection's [`Upgrade`] slot.

mod access;
mod answer;
mod api_error_code;
mod channel;
mod clients;
mod cluster;
mod health;
mod messages;
mod metrics;
mod opening;
mod route;

use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;

pub(crate) use access::Access;
pub(crate) use answer::{Answer, ApiError};
#[cfg(test)]
pub(crate) use api_error_code::ApiErrorCode;
pub(crate) use channel::ChannelUpgrade;
pub(crate) use clients::ClientUpgrade;
pub use cluster::{ClusterReport, ConnectionCounts, NodeReport};
#[cfg(test)]
pub(crate) use messages::status_of;
pub(crate) use opening::RefusalReason;
use route::Route;

use crate::client::Dialect;
use crate::listener::Peer;
use crate::node::Node;

/// What a connection becomes once its 101 has been sent.
#[derive(Debug)]
pub(crate) enum Upgrade {
    /// A client of `raftwire.v1`.
    Client(ClientUpgrade),
    /// Another node.
    Channel(ChannelUpgrade),
}

/// Answers one request of `peer`.
pub(crate) async fn answer(node: &Arc<Node>, request: Request<Incoming>, peer: &Peer) -> Answer {
    let route = match Route::find(request.method(), request.uri().path(), &node.options) {
        Ok(route) => route,
        Err(error) => return error.into_answer(),
    };
    let answered = match route {
        Route::Alive => Ok(health::alive()),
        Route::Ready => health::ready(node),
        Route::Cluster => match node.access.check(request.headers()) {
            Ok(()) => cluster::report(node, request.uri().query().unwrap_or_default()).await,
            Err(refused) => Err(refused),
        },
        Route::Metrics => match node.access.check(request.headers()) {
            Ok(()) => Ok(metrics::exposition(node)),
            Err(refused) => Err(refused),
        },
        Route::Messages(recipients) => match node.access.check(request.headers()) {
            Ok(()) => messages::send(node, &recipients, request).await,
            Err(refused) => Err(refused),
        },
        Route::Remove(name) => match node.access.check(request.headers()) {
            Ok(()) => cluster::remove(node, &name).await,
            Err(refused) => Err(refused),
        },
        // In a box: who a client is may be asked of the application, and other requests need no room
        // for that.
        Route::Client => Box::pin(clients::open(node, request, peer, Dialect::Raftwire)).await,
        Route::Echo => Box::pin(clients::open(node, request, peer, Dialect::Echo)).await,
        Route::Channel => channel::open(node, request, peer),
    };
    answered.unwrap_or_else(ApiError::into_answer)
}
