use std::sync::Arc;

use bytes::Bytes;
use raftwire_protocol::Lane;

use super::connection::{EndState, Side};
use super::endpoint::EndpointId;
use super::fabric::Fabric;
use super::inbox::{PACKET_OVERHEAD_BYTES, What};
use super::weather::Fate;
use crate::{Channel, SendError};

/// Packets on their way.
impl Fabric {
    pub(super) fn send(
        &mut self,
        endpoint: EndpointId,
        channel: &Channel,
        packet: Bytes,
    ) -> Result<(), SendError> {
        let limit = channel.lane.packet_bytes_max();
        let bytes = packet.len();
        if bytes > limit {
            return Err(SendError::TooLarge { bytes, limit });
        }
        let at = self.endpoints.get(&endpoint);
        let side = at.and_then(|at| at.channels.get(&channel.id).copied());
        let side = side.ok_or(SendError::NotConnected)?;
        self.send_by(side, packet)
    }

    pub(super) fn broadcast(
        &mut self,
        endpoint: EndpointId,
        lane: Lane,
        packet: &Bytes,
    ) -> Result<usize, SendError> {
        let (bytes, limit) = (packet.len(), lane.packet_bytes_max());
        if bytes > limit {
            return Err(SendError::TooLarge { bytes, limit });
        }
        let at = self.endpoints.get(&endpoint);
        let sides = at.ok_or(SendError::NotConnected)?.channels.values();
        let sides: Vec<Side> = sides
            .copied()
            .filter(|side| self.end(*side).is_some_and(|end| end.channel.lane == lane))
            .collect();
        let mut sent = Err(SendError::NotConnected);
        for side in sides {
            match self.send_by(side, packet.clone()) {
                Ok(()) => sent = Ok(sent.unwrap_or(0) + 1),
                Err(error) => sent = sent.or(Err(error)),
            }
        }
        sent
    }

    fn send_by(&mut self, side: Side, packet: Bytes) -> Result<(), SendError> {
        let (Some(here), Some(end)) = (self.node_of(side).cloned(), self.end(side.other())) else {
            return Err(SendError::NotConnected);
        };
        let charge = u32::try_from(packet.len() + PACKET_OVERHEAD_BYTES).unwrap_or(u32::MAX);
        let (space, channel) = (Arc::clone(&end.room), end.channel.clone());
        let open = end.state == EndState::Open;
        let there = self.node_of(side.other()).cloned();
        let Ok(room) = Arc::clone(&space).try_acquire_many_owned(charge) else {
            self.weather.statistics.full += 1;
            return Err(SendError::Full);
        };
        self.weather.statistics.accepted += 1;
        let there = there.filter(|there| open && !self.weather.is_cut(&here, there));
        let Some(there) = there else {
            self.weather.statistics.cut += 1;
            return Ok(());
        };
        let Fate::Arrives {
            delay,
            ordered,
            copy,
        } = self.weather.fate(&here, &there, channel.lane)
        else {
            return Ok(());
        };

        let copy = copy.and_then(|delay| {
            let room = space.try_acquire_many_owned(charge).ok()?;
            Some((delay, false, room))
        });
        self.weather.statistics.duplicated += u64::from(copy.is_some());
        for (delay, ordered, room) in [Some((delay, ordered, room)), copy].into_iter().flatten() {
            let what = What::Packet {
                channel: channel.clone(),
                packet: packet.clone(),
                ordered,
                _room: room,
            };
            self.put(side.other(), delay, what);
        }
        Ok(())
    }
}
