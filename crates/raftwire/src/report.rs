//! What nodes ask each other about their connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prost::Message;
use raftwire_protocol::MintedId;

use crate::ConnectionInfo;
use crate::connection::ConnectionTable;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Question {
    /// Ask for this connection too; empty: only for the counts.
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) connection: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Report {
    #[prost(uint64, tag = "1")]
    pub(crate) connections: u64,
    #[prost(message, optional, tag = "2")]
    info: Option<Info>,
}

#[derive(Clone, PartialEq, Message)]
struct Info {
    #[prost(string, tag = "1")]
    endpoint: String,
    #[prost(string, tag = "2")]
    remote: String,
    #[prost(uint64, tag = "3")]
    connected_unix_ms: u64,
    #[prost(btree_map = "string, string", tag = "4")]
    metadata: BTreeMap<String, String>,
}

impl Question {
    pub(crate) fn about(connection: &MintedId) -> Question {
        Question {
            connection: Bytes::copy_from_slice(&connection.to_bytes()),
        }
    }
}

impl Report {
    /// Answers a question from this node's own table.
    pub(crate) fn answer(table: &ConnectionTable, question: Bytes) -> Report {
        let asked = Question::decode(question).ok().and_then(|question| {
            let bytes = question.connection.as_ref().try_into().ok()?;
            Some(MintedId::from_bytes(bytes))
        });
        let info = asked
            .and_then(|id| table.get(&id))
            .map(|entry| Info::from(&entry.info));
        Report {
            connections: table.len() as u64,
            info,
        }
    }

    pub(crate) fn into_info(self) -> Option<ConnectionInfo> {
        let info = self.info?;
        Some(ConnectionInfo {
            endpoint: info.endpoint,
            remote: info.remote.parse().ok(),
            connected_at: UNIX_EPOCH.checked_add(Duration::from_millis(info.connected_unix_ms)),
            metadata: info.metadata,
        })
    }
}

impl From<&Arc<ConnectionInfo>> for Info {
    fn from(info: &Arc<ConnectionInfo>) -> Info {
        let since = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let connected = info.connected_at.map(since).unwrap_or_default().as_millis();
        Info {
            endpoint: info.endpoint.clone(),
            remote: info
                .remote
                .map(|remote| remote.to_string())
                .unwrap_or_default(),
            connected_unix_ms: u64::try_from(connected).unwrap_or(u64::MAX),
            metadata: info.metadata.clone(),
        }
    }
}

/// How many connections the cluster holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCount {
    /// The sum over the nodes that answered.
    pub total: u64,
    /// The living nodes that did not.
    pub unknown: Vec<raftwire_protocol::NodeId>,
}
