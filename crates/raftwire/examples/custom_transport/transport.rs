//! A transport of one's own: all that an application writes for its medium.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_protocol::Lane;
use raftwire_transport::{
    Channel, ClusterTransport, ClusterTransportFactory, CreateError, SendError, StartError,
    TransportEvents, TransportSetup, event_queue,
};

use super::switchboard::Switchboard;

impl ClusterTransportFactory for Switchboard {
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError> {
        Ok(Arc::new(SwitchboardTransport {
            switchboard: self.clone(),
            setup,
            has_started: AtomicBool::new(false),
        }))
    }
}

/// One node's way to the switchboard.
#[derive(Debug)]
struct SwitchboardTransport {
    switchboard: Switchboard,
    setup: TransportSetup,
    /// Or was stopped before.
    has_started: AtomicBool,
}

#[async_trait]
impl ClusterTransport for SwitchboardTransport {
    async fn start(&self) -> Result<TransportEvents, StartError> {
        if self.has_started.swap(true, Ordering::Relaxed) {
            return Err(StartError::AlreadyStarted);
        }
        let (sender, events) = event_queue();
        self.switchboard.plug_in(&self.setup, sender);
        Ok(events)
    }

    async fn stop(&self) {
        if self.has_started.swap(true, Ordering::Relaxed) {
            self.switchboard.unplug(&self.setup.node);
        }
    }

    fn send(&self, channel: &Channel, packet: Bytes) -> Result<(), SendError> {
        self.switchboard.send(&self.setup.node, channel, packet)
    }

    fn broadcast(&self, lane: Lane, packet: Bytes) -> Result<usize, SendError> {
        let channels = self.switchboard.channels(&self.setup.node, lane);
        let sends = channels.iter().map(|to| self.send(to, packet.clone()));
        let (sent, refused): (Vec<_>, Vec<_>) = sends.partition(Result::is_ok);
        match sent.len() {
            0 => Err(refused
                .into_iter()
                .find_map(Result::err)
                .unwrap_or(SendError::NotConnected)),
            count => Ok(count),
        }
    }

    fn adopt(&self, _: &Channel) {
        // Two nodes never have a second channel on a lane, so there is none to close.
    }

    fn disconnect(&self, channel: &Channel, _reason: &str) {
        self.switchboard.hang_up(&self.setup.node, channel);
    }
}
