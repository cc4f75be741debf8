use std::sync::Arc;

use bytes::Bytes;
use raftwire_link::protection::Sealer;
use raftwire_protocol::Session;
use raftwire_transport::{Channel, ClusterTransport, SendError};

/// The channel on which a peer's authenticated session is reached.
#[derive(Clone, Debug)]
pub(crate) struct PeerChannel {
    pub(crate) channel: Channel,
    pub(crate) session: Session,
    /// `None`: the packets on it need no protection.
    pub(super) sealer: Option<Arc<Sealer>>,
}

impl PeerChannel {
    /// The one way of packets after the hello into the transport: protects the packet if the channel needs that.
    pub(super) fn send(
        &self,
        transport: &dyn ClusterTransport,
        packet: Bytes,
    ) -> Result<(), SendError> {
        let packet = match &self.sealer {
            Some(sealer) => sealer.seal(packet),
            None => packet,
        };
        transport.send(&self.channel, packet)
    }
}
