use http::Uri;
use raftwire_protocol::{InvalidNodeId, Lane, NodeId};

/// What a peer says about itself in the address that it dials: `?node=node1&lane=control`.
///
/// Claims, and no more, until the hello succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRequest {
    /// Who it says it is.
    pub node: NodeId,
    /// What the connection is for.
    pub lane: Lane,
}

impl PeerRequest {
    /// Reads the query of an upgrade request's address. Other parameters are ignored.
    ///
    /// # Errors
    ///
    /// See [`InvalidPeerRequest`], whose text is fit to be the answer to the peer.
    ///
    /// # Examples
    ///
    /// ```
    /// use raftwire_protocol::Lane;
    /// use raftwire_transport_ws::PeerRequest;
    ///
    /// let uri = "/cluster?node=node1&lane=data".parse()?;
    /// let request = PeerRequest::from_uri(&uri)?;
    /// assert_eq!(request.node.as_str(), "node1");
    /// assert_eq!(request.lane, Lane::Data);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_uri(uri: &Uri) -> Result<Self, InvalidPeerRequest> {
        let query = uri.query().unwrap_or_default();
        let value = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let mut values = pairs.filter(|(key, _)| *key == name);
            values.next().map(|(_, value)| value)
        };
        // Node ids consist of characters that need no escaping in a query.
        let node = value("node").ok_or(InvalidPeerRequest::NodeMissing)?;
        let node = node.parse().map_err(InvalidPeerRequest::Node)?;
        let lane = value("lane").ok_or(InvalidPeerRequest::LaneMissing)?;
        let lane = Lane::ALL.into_iter().find(|known| known.as_str() == lane);
        let lane = lane.ok_or(InvalidPeerRequest::Lane)?;
        Ok(Self { node, lane })
    }

    /// The query that [`from_uri`](Self::from_uri) reads.
    pub(crate) fn to_query(&self) -> String {
        format!("node={}&lane={}", self.node, self.lane)
    }
}

/// Why an address is not that of a peer who dials.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPeerRequest {
    /// It does not say who dials.
    #[error("this is the cluster channel: the query must have node=<id of the node that dials>")]
    NodeMissing,
    /// Who dials is not a node id.
    #[error("this is the cluster channel: the query's node is not a node id: {0}")]
    Node(#[source] InvalidNodeId),
    /// It does not say which lane.
    #[error("this is the cluster channel: the query must have lane=control or lane=data")]
    LaneMissing,
    /// The lane is neither.
    #[error("this is the cluster channel: the query's lane must be control or data")]
    Lane,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &str) -> Result<PeerRequest, InvalidPeerRequest> {
        PeerRequest::from_uri(&uri.parse().unwrap())
    }

    #[test]
    fn query_that_was_written_is_read() {
        for lane in Lane::ALL {
            let request = PeerRequest {
                node: "A-z_0.9".parse().unwrap(),
                lane,
            };

            let read = parse(&format!("ws://host:5000/cluster?{}", request.to_query()));

            assert_eq!(read, Ok(request));
        }
    }

    #[test]
    fn unknown_parameters_and_another_order_do_no_harm() {
        let request = parse("/cluster?later=1&lane=control&flag&node=b").unwrap();

        assert_eq!(request.node.as_str(), "b");
        assert_eq!(request.lane, Lane::Control);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert_eq!(parse("/cluster"), Err(InvalidPeerRequest::NodeMissing));
        assert_eq!(
            parse("/cluster?lane=data"),
            Err(InvalidPeerRequest::NodeMissing)
        );
        assert!(matches!(
            parse("/cluster?node=a%20b&lane=data"),
            Err(InvalidPeerRequest::Node(_))
        ));
        assert_eq!(
            parse("/cluster?node=a"),
            Err(InvalidPeerRequest::LaneMissing)
        );
        assert_eq!(
            parse("/cluster?node=a&lane=fast"),
            Err(InvalidPeerRequest::Lane)
        );
    }
}
