use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use raftwire_environment::Environment;
use raftwire_protocol::Lane;

use super::endpoint::EndpointId;
use super::inbox::{Arrival, Inbox, What};
use super::network::SharedFabric;
use crate::{
    ChannelId, ChannelSecurity, EventsClosed, Initiator, TransportEvent, TransportEventSender,
};

/// The task of one node and lane: holds what arrives until its time has come by the clock of this
/// node, and hands it on.
pub(super) struct Receiver {
    fabric: SharedFabric,
    endpoint: EndpointId,
    lane: Lane,
    inbox: Arc<Inbox>,
    environment: Environment,
    events: TransportEventSender,
    /// What is due when; the number keeps the order of what is due at the same time.
    due: BTreeMap<(Instant, u64), What>,
    scheduled: u64,
    channels: BTreeMap<ChannelId, ChannelTimes>,
}

/// When things happen on one channel.
struct ChannelTimes {
    /// When it is announced: nothing comes before.
    up: Instant,
    /// When the last thing that keeps its place in the order is due.
    last: Instant,
    announced: bool,
}

impl Receiver {
    pub(super) fn new(
        fabric: SharedFabric,
        endpoint: EndpointId,
        lane: Lane,
        inbox: Arc<Inbox>,
        environment: Environment,
        events: TransportEventSender,
    ) -> Self {
        Self {
            fabric,
            endpoint,
            lane,
            inbox,
            environment,
            events,
            due: BTreeMap::new(),
            scheduled: 0,
            channels: BTreeMap::new(),
        }
    }

    /// Runs until the transport has ended or nobody reads the events any more.
    pub(super) async fn run(mut self) {
        while let Some(arrivals) = self.inbox.take() {
            let now = self.environment.now();
            self.schedule(arrivals, now);
            let Some(next) = self.due.first_entry() else {
                tokio::select! {
                    biased;
                    () = self.inbox.changed() => continue,
                    () = self.events.closed() => return,
                }
            };
            let (at, _) = *next.key();
            if at <= now {
                let what = next.remove();
                if self.deliver(what).await.is_err() {
                    return;
                }
                continue;
            }
            tokio::select! {
                    biased;
                () = tokio::time::sleep_until(at.into()) => {}
                () = self.inbox.changed() => {}
                () = self.events.closed() => return,
            }
        }
    }

    fn schedule(&mut self, arrivals: VecDeque<Arrival>, now: Instant) {
        for Arrival { delay, what } in arrivals {
            let Some(at) = self.time_of(&what, now + delay) else {
                continue;
            };
            self.scheduled += 1;
            self.due.insert((at, self.scheduled), what);
        }
    }

    /// When something is due that takes until `at`; `None` if its channel has gone.
    fn time_of(&mut self, what: &What, at: Instant) -> Option<Instant> {
        let (channel, ordered) = match what {
            What::Up(channel) => {
                let times = ChannelTimes {
                    up: at,
                    last: at,
                    announced: false,
                };
                self.channels.insert(channel.id, times);
                return Some(at);
            }
            What::Packet {
                channel, ordered, ..
            } => (channel, *ordered),
            What::Down { ordered: false, .. } | What::CheckCut { .. } | What::Redial(_) => {
                return Some(at);
            }
            What::Down {
                channel,
                ordered: true,
                ..
            } => (channel, true),
        };
        let times = self.channels.get_mut(&channel.id)?;
        if !ordered {
            return Some(at.max(times.up));
        }
        times.last = times.last.max(at);
        Some(times.last)
    }

    async fn deliver(&mut self, what: What) -> Result<(), EventsClosed> {
        match what {
            What::Up(channel) => {
                let Some(times) = self.channels.get_mut(&channel.id) else {
                    return Ok(()); // closed before it was announced
                };
                times.announced = true;
                let event = TransportEvent::PeerUp {
                    channel,
                    initiator: Initiator::Unknown,
                    security: ChannelSecurity::Untrusted,
                };
                self.events.send(event).await
            }
            What::Packet {
                channel,
                packet,
                _room,
                ..
            } => {
                let times = self.channels.get(&channel.id);
                if !times.is_some_and(|times| times.announced) {
                    return Ok(());
                }
                let event = TransportEvent::Received { channel, packet };
                self.events.send(event).await
            }
            What::Down {
                channel,
                side,
                reason,
                ..
            } => {
                let times = self.channels.remove(&channel.id);
                self.fabric.lock().finish(side);
                if !times.is_some_and(|times| times.announced) {
                    return Ok(());
                }
                let event = TransportEvent::PeerDown { channel, reason };
                self.events.send(event).await
            }
            What::CheckCut { side, cut } => {
                self.fabric.lock().check_cut(side, cut);
                Ok(())
            }
            What::Redial(peer) => {
                self.fabric.lock().redial(self.endpoint, &peer, self.lane);
                Ok(())
            }
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // However the task ends, with its runtime for example, the node has then gone.
        let reason = "connection reset by peer";
        self.fabric.lock().detach(self.endpoint, false, reason);
    }
}
