use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use raftwire_protocol::{Lane, NodeId};
use raftwire_transport::{Channel, ChannelId, SendError};
use tokio::sync::OwnedSemaphorePermit;

use crate::send_queue::{QueueFull, SendQueue};

/// Why a channel is closed that is one too many, as the other end reads it too.
pub(crate) const SUPERSEDED: &str = "another channel of this peer was adopted";

/// The channels of one transport, and which of them are adopted.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    channels: BTreeMap<ChannelId, Entry>,
    adopted: BTreeMap<(NodeId, Lane), ChannelId>,
    ids: u64,
}

#[derive(Debug)]
struct Entry {
    channel: Channel,
    queue: Arc<SendQueue>,
    /// Tells the channel's task that it was adopted, also when it no longer is.
    was_adopted: Arc<AtomicBool>,
    /// The place among the strangers that it takes until it is adopted, if it came from outside.
    place: Option<OwnedSemaphorePermit>,
}

impl Registry {
    pub(crate) fn add(
        &mut self,
        peer: NodeId,
        lane: Lane,
        queue: Arc<SendQueue>,
        was_adopted: Arc<AtomicBool>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Channel {
        self.ids += 1;
        let id = ChannelId::new(self.ids);
        let channel = Channel { peer, lane, id };
        let entry = Entry {
            channel: channel.clone(),
            queue,
            was_adopted,
            place,
        };
        self.channels.insert(id, entry);
        channel
    }

    /// Forgets a channel; nothing can be sent on it any more.
    pub(crate) fn remove(&mut self, channel: &Channel) {
        self.channels.remove(&channel.id);
        let key = (channel.peer.clone(), channel.lane);
        if self.adopted.get(&key) == Some(&channel.id) {
            self.adopted.remove(&key);
        }
    }

    pub(crate) fn has_adopted(&self, peer: &NodeId, lane: Lane) -> bool {
        self.adopted.contains_key(&(peer.clone(), lane))
    }

    /// Makes a channel the one of its peer and lane, and closes the others. Returns false when it
    /// has gone.
    pub(crate) fn adopt(&mut self, channel: &Channel) -> bool {
        let Some(entry) = self.channels.get_mut(&channel.id) else {
            return false;
        };
        entry.place = None;
        entry.was_adopted.store(true, Ordering::Relaxed);
        let (peer, lane) = (entry.channel.peer.clone(), entry.channel.lane);
        let others = self.channels.values().filter(|entry| {
            let other = &entry.channel;
            other.id != channel.id && other.peer == peer && other.lane == lane
        });
        let others: Vec<Channel> = others.map(|entry| entry.channel.clone()).collect();
        for other in others {
            self.close(&other, SUPERSEDED);
        }
        self.adopted.insert((peer, lane), channel.id);
        true
    }

    /// Asks the channel's task to close it, and forgets it. Does nothing when it has gone.
    pub(crate) fn close(&mut self, channel: &Channel, reason: &str) {
        if let Some(entry) = self.channels.get(&channel.id) {
            entry.queue.close(reason);
        }
        self.remove(channel);
    }

    pub(crate) fn send(&self, channel: &Channel, packet: Bytes) -> Result<(), SendError> {
        let entry = self.channels.get(&channel.id);
        let entry = entry.ok_or(SendError::NotConnected)?;
        within_limit(entry.channel.lane, &packet)?;
        entry
            .queue
            .push(packet)
            .map_err(|QueueFull| SendError::Full)
    }

    /// To the adopted channels only: a stranger hears nothing.
    pub(crate) fn broadcast(&self, lane: Lane, packet: &Bytes) -> Result<usize, SendError> {
        within_limit(lane, packet)?;
        let mut sent = Err(SendError::NotConnected);
        let adopted = self.adopted.iter().filter(|((_, of), _)| *of == lane);
        for entry in adopted.filter_map(|(_, id)| self.channels.get(id)) {
            match entry.queue.push(packet.clone()) {
                Ok(()) => sent = Ok(sent.unwrap_or(0) + 1),
                Err(QueueFull) => sent = sent.or(Err(SendError::Full)),
            }
        }
        sent
    }
}

fn within_limit(lane: Lane, packet: &Bytes) -> Result<(), SendError> {
    let (bytes, limit) = (packet.len(), lane.packet_bytes_max());
    if bytes > limit {
        return Err(SendError::TooLarge { bytes, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    fn add(registry: &mut Registry, peer: &str, lane: Lane) -> Channel {
        let queue = Arc::new(SendQueue::new(1 << 20));
        registry.add(peer.parse().unwrap(), lane, queue, Arc::default(), None)
    }

    #[test]
    fn adopting_closes_the_others_of_the_same_peer_and_lane_only() {
        let mut registry = Registry::default();
        let first = add(&mut registry, "a", Lane::Data);
        let second = add(&mut registry, "a", Lane::Data);
        let other_lane = add(&mut registry, "a", Lane::Control);
        let other_peer = add(&mut registry, "b", Lane::Data);

        assert!(registry.adopt(&first));
        assert!(!registry.adopt(&second), "it was closed");

        assert_eq!(
            registry.send(&second, Bytes::new()),
            Err(SendError::NotConnected)
        );
        registry.send(&other_lane, Bytes::new()).unwrap();
        registry.send(&other_peer, Bytes::new()).unwrap();
    }

    #[test]
    fn end_of_a_channel_does_not_undo_the_adoption_of_its_successor() {
        let mut registry = Registry::default();
        let first = add(&mut registry, "a", Lane::Data);
        registry.adopt(&first);
        let second = add(&mut registry, "a", Lane::Data);
        registry.adopt(&second);

        registry.remove(&first);

        assert!(registry.has_adopted(&second.peer, Lane::Data));
        registry.remove(&second);
        assert!(!registry.has_adopted(&second.peer, Lane::Data));
    }

    #[test]
    fn adopted_channel_is_no_stranger_any_more() {
        let mut registry = Registry::default();
        let places = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&places).try_acquire_owned().unwrap();
        let queue = Arc::new(SendQueue::new(1 << 20));
        let channel = registry.add(
            "a".parse().unwrap(),
            Lane::Data,
            queue,
            Arc::default(),
            Some(place),
        );
        assert_eq!(places.available_permits(), 0);

        registry.adopt(&channel);

        assert_eq!(places.available_permits(), 1);
    }

    #[test]
    fn broadcast_goes_to_adopted_channels_only() {
        let mut registry = Registry::default();
        let packet = Bytes::from_static(b"x");
        let adopted = add(&mut registry, "a", Lane::Data);
        add(&mut registry, "b", Lane::Data);
        assert_eq!(
            registry.broadcast(Lane::Data, &packet),
            Err(SendError::NotConnected)
        );

        registry.adopt(&adopted);

        assert_eq!(registry.broadcast(Lane::Data, &packet), Ok(1));
    }
}
