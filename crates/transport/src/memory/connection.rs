use std::sync::Arc;

use raftwire_protocol::Lane;
use tokio::sync::Semaphore;

use super::endpoint::EndpointId;
use super::inbox::IN_FLIGHT_BYTES_MAX;
use crate::Channel;

/// Names a connection; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionId(pub(super) u64);

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) connection: ConnectionId,
    pub(super) index: usize,
}

impl Side {
    pub(super) fn other(self) -> Self {
        Self {
            index: 1 - self.index,
            ..self
        }
    }
}

/// A channel seen from above: two ends, which may disagree about whether it still exists.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) lane: Lane,
    pub(super) ends: [End; 2],
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) endpoint: EndpointId,
    /// What this end calls the connection.
    pub(super) channel: Channel,
    pub(super) state: EndState,
    /// Room for packets on their way to this end.
    pub(super) room: Arc<Semaphore>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndState {
    /// It believes in the connection.
    Open,
    /// The word of the end is on its way.
    Closing,
    /// It has the word, or is gone itself.
    Closed,
}

impl End {
    pub(super) fn new(endpoint: EndpointId, channel: Channel) -> Self {
        Self {
            endpoint,
            channel,
            state: EndState::Open,
            room: Arc::new(Semaphore::new(IN_FLIGHT_BYTES_MAX)),
        }
    }
}

impl Connection {
    pub(super) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.state == EndState::Closed)
    }
}
