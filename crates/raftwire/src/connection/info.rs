//! What is known of a connection.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::SystemTime;

/// What endpoint and metadata of one connection may have, in bytes: an answer about it must fit into
/// one packet of the control lane, and a node keeps it for each connection.
pub const CONNECTION_INFO_BYTES_MAX: usize = 16 * 1024;

/// What the application says of a connection when it registers it.
///
/// ```
/// let info = raftwire::ConnectionInfo::default().with_metadata("device", "phone");
/// assert_eq!(info.metadata["device"], "phone");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The path that the client connected to, as in `/ws`. Filled in by the registration.
    pub endpoint: String,
    /// The client's address, where one is known.
    pub remote: Option<SocketAddr>,
    /// When it was registered, by this node's wall clock. Filled in by the registration.
    pub connected_at: Option<SystemTime>,
    /// Whatever the application wants to find again.
    pub metadata: BTreeMap<String, String>,
}

impl ConnectionInfo {
    /// Of a client with this address.
    pub fn from_remote(remote: SocketAddr) -> ConnectionInfo {
        ConnectionInfo {
            remote: Some(remote),
            ..ConnectionInfo::default()
        }
    }

    /// Bytes of endpoint and metadata.
    pub(crate) fn bytes(&self) -> usize {
        let entries = self
            .metadata
            .iter()
            .map(|(key, value)| key.len() + value.len());
        self.endpoint.len() + entries.sum::<usize>()
    }

    /// With one more entry of metadata.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}
