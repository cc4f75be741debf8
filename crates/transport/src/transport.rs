use std::fmt::Debug;
use std::io;

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_protocol::{Lane, NodeAddress, NodeId};

use crate::{Channel, TransportEvents};

/// Carries packets between the nodes of a cluster.
///
/// The cluster's peer hub is the only caller: it calls `start` once, reads the events from one
/// task, and calls everything else from any task. No method is called before `start` has
/// returned, and calls after `stop` do nothing (`send` says [`SendError::NotConnected`]).
///
/// An implementation keeps trying to reach the peers that it was configured with, or has learnt
/// of, for as long as it runs, whatever happened before. What it may do to packets, and what it may not, is
/// said in the [crate's documentation](crate); [`conformance`](crate::conformance) checks it.
///
/// # Lanes
///
/// A packet on [`Lane::Control`] never waits for one on [`Lane::Data`]: not in a queue, not on
/// the wire, not in the events. An implementation therefore has two of each.
#[async_trait]
pub trait ClusterTransport: Send + Sync + Debug {
    /// Opens what is needed to hear peers, begins to reach for them in the background, and
    /// returns the events. Does not wait for any peer.
    ///
    /// # Errors
    ///
    /// See [`StartError`]. After an error nothing runs and no socket is held.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: when the future is dropped, `stop` must be called.
    async fn start(&self) -> Result<TransportEvents, StartError>;

    /// Ends every channel and every task, and closes the sockets. The events that were already
    /// queued can still be read, after which the stream ends.
    ///
    /// Returns within a time that the implementation bounds, whatever the peers do. Packets
    /// that `send` accepted may be lost. Calling it again does nothing. A transport that was
    /// stopped cannot be started again.
    async fn stop(&self);

    /// Puts a packet into the channel's queue. Never blocks, and never waits for the network.
    ///
    /// `Ok` says that the packet was queued, and nothing about its arrival.
    ///
    /// # Errors
    ///
    /// See [`SendError`]: in each case nothing of the packet will reach the peer.
    fn send(&self, channel: &Channel, packet: Bytes) -> Result<(), SendError>;

    /// Sends a packet on a lane to every peer that can be reached, once by each channel, and on
    /// a broker also to those that are not known by name yet. Returns how many channels it went
    /// to; a channel whose queue is full is left out, and one that is not adopted may be.
    ///
    /// # Errors
    ///
    /// See [`SendError`]: the packet went to nobody.
    fn broadcast(&self, lane: Lane, packet: Bytes) -> Result<usize, SendError>;

    /// Says that the hello succeeded on this channel: it is *the* channel of its peer and lane
    /// from now on. All other channels that claim the same peer and lane are closed (their
    /// `PeerDown` follows), and the peer is not dialled on this lane while this one lives.
    ///
    /// A channel that is not adopted within a time that the implementation bounds may be closed
    /// by it. Does nothing when the channel has gone already.
    fn adopt(&self, channel: &Channel);

    /// Closes a channel; its `PeerDown` follows. The peer is told the reason where the transport
    /// can. Does not block, and does nothing when the channel has gone already.
    ///
    /// A configured peer is dialled again, after a pause.
    fn disconnect(&self, channel: &Channel, reason: &str);

    /// Says where a peer can be reached, which the cluster agreed on. From now on the transport
    /// keeps trying to reach it, as it does for those that it was configured with, until
    /// [`forget`](Self::forget). For a peer that is known, the address takes the place of the one
    /// that was learnt before; a configured address is kept and tried as well, since it may be the
    /// one that works from here. A channel that is up stays up. Does not block.
    ///
    /// The default does nothing, which is right where nobody is dialled: on a broker.
    fn learn(&self, peer: NodeAddress) {
        let _ = peer;
    }

    /// Undoes [`learn`](Self::learn): the peer is dialled no more, or only as it was configured. A
    /// channel that is up stays up. Does nothing for a peer that was not learnt.
    fn forget(&self, peer: &NodeId) {
        let _ = peer;
    }
}

/// Why a transport did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It was started before; the events belong to that caller.
    #[error("the transport was already started")]
    AlreadyStarted,
    /// It was stopped; create another one.
    #[error("the transport was stopped and cannot be started again")]
    Stopped,
    /// It cannot hear peers at its own address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that it was told to listen on.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The broker, or whatever stands between the nodes, cannot be used.
    #[error("cannot use {service}: {reason}")]
    Service {
        /// The service, with its address.
        service: String,
        /// What is wrong, and what to do.
        reason: String,
    },
}

/// Why a packet was not queued. Nothing of it will reach the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The channel has ended, or never was; a broadcast has nobody to go to. Sending again on
    /// the same channel cannot succeed.
    #[error("not connected")]
    NotConnected,
    /// The channel's queue is full: the peer or the network is slower than the sender. Sending
    /// again later may succeed.
    #[error("the channel's send queue is full")]
    Full,
    /// The packet is larger than what a transport carries. Sending it again cannot succeed.
    #[error("packet of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Size of the packet.
        bytes: usize,
        /// The largest size.
        limit: usize,
    },
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn trait_stays_dyn_compatible() {
        fn _accepts(_: Arc<dyn ClusterTransport>) {}
    }
}
