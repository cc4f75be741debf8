use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use raftwire_protocol::NodeId;
use raftwire_protocol::limits::PACKET_BYTES_MAX;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::connection::Side;
use crate::Channel;

/// Bytes that may be on their way on one lane in one direction between two nodes before `send`
/// says that the queue is full: twice the window of a link, so that the link's flow control is
/// what holds a sender back, as with a real connection.
pub const IN_FLIGHT_BYTES_MAX: usize = 8 << 20;

/// What a packet counts for beside its bytes, so that empty packets are bounded as well.
pub(super) const PACKET_OVERHEAD_BYTES: usize = 256;

const _: () = {
    assert!(IN_FLIGHT_BYTES_MAX >= 16 * (PACKET_BYTES_MAX + PACKET_OVERHEAD_BYTES));
    assert!(
        IN_FLIGHT_BYTES_MAX <= u32::MAX as usize,
        "permits are counted in 32 bits"
    );
};

/// Where the network puts what is on its way to one node on one lane.
///
/// Nodes have clocks that do not agree (a runtime each), so what is put in says how long it
/// takes, and the node's own task turns that into a time.
///
/// Packets are bounded by [`IN_FLIGHT_BYTES_MAX`] for each direction. The rest is bounded because
/// a connection has one up and one down, and the next one between the same two ends is made only
/// when these have been taken out.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<InboxState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct InboxState {
    arrivals: VecDeque<Arrival>,
    closed: bool,
}

/// Something on its way.
#[derive(Debug)]
pub(super) struct Arrival {
    /// How long it takes from the moment that the node sees it.
    pub(super) delay: Duration,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A channel to announce.
    Up(Channel),
    /// A packet for a channel.
    Packet {
        channel: Channel,
        packet: Bytes,
        /// Whether it stays behind the packets that were put in before it.
        ordered: bool,
        _room: OwnedSemaphorePermit,
    },
    /// The end of a channel.
    Down {
        channel: Channel,
        side: Side,
        reason: String,
        /// Whether it stays behind the packets, as a polite close does.
        ordered: bool,
    },
    /// Time to see whether a cut still stands.
    CheckCut { side: Side, cut: u64 },
    /// Time to dial a peer again.
    Redial(NodeId),
}

impl Inbox {
    pub(super) fn put(&self, delay: Duration, what: What) {
        let mut state = self.state();
        if !state.closed {
            state.arrivals.push_back(Arrival { delay, what });
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Drops what is inside; nothing more is taken in.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let dropped = std::mem::take(&mut state.arrivals);
        drop(state);
        drop(dropped);
        self.changed.notify_one();
    }

    /// Takes everything out; `None` when the inbox was closed.
    pub(super) fn take(&self) -> Option<VecDeque<Arrival>> {
        let mut state = self.state();
        (!state.closed).then(|| std::mem::take(&mut state.arrivals))
    }

    /// Waits until something was put in since the last `take`, or the inbox was closed.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The two inboxes of a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Inboxes {
    pub(super) control: Arc<Inbox>,
    pub(super) data: Arc<Inbox>,
}

impl Inboxes {
    pub(super) fn of(&self, lane: raftwire_protocol::Lane) -> &Arc<Inbox> {
        match lane {
            raftwire_protocol::Lane::Control => &self.control,
            raftwire_protocol::Lane::Data => &self.data,
        }
    }
}
