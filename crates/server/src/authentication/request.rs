use std::net::SocketAddr;

use http::header::ORIGIN;
use http::{HeaderMap, Request};
use raftwire_protocol::NodeId;

/// What a client asked with when it wanted to open a WebSocket.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpeningRequest {
    /// The node that was asked.
    pub node: NodeId,
    /// The client's address, or that of the proxy before it.
    pub remote: SocketAddr,
    /// The path.
    pub path: String,
    /// The query without its `?`, as it was sent; empty where there was none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
}

impl OpeningRequest {
    pub(crate) fn new<B>(node: NodeId, remote: SocketAddr, request: &Request<B>) -> OpeningRequest {
        OpeningRequest {
            node,
            remote,
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers: request.headers().clone(),
        }
    }

    /// The `Origin` that a browser states, where it is text.
    pub fn origin(&self) -> Option<&str> {
        self.headers.get(ORIGIN)?.to_str().ok()
    }

    /// The decoded values of a parameter of the query.
    pub fn parameter(&self, name: &str) -> impl Iterator<Item = String> {
        form_urlencoded::parse(self.query.as_bytes())
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}
