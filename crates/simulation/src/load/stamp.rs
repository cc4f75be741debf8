//! Numbers the messages of one sender, and reports them as they are sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use raftwire::ConnectionId;
use raftwire_consensus::Membership;

use super::Place;
use crate::fact::{Event, MessageId, Sent};

/// The numbers of one sender.
#[derive(Debug)]
pub(super) struct Stamp {
    place: Place,
    sender: u64,
    /// The next number for each connection.
    sequences: BTreeMap<ConnectionId, u64>,
}

impl Stamp {
    pub(super) fn new(place: Place, sender: u64) -> Stamp {
        Stamp {
            place,
            sender,
            sequences: BTreeMap::new(),
        }
    }

    /// Reports one frame that is sent to a connection, as frame number `number` of the simulation.
    /// `deadline`: how long an answer may take; none where there will be none.
    pub(super) fn send(
        &mut self,
        number: u64,
        to: ConnectionId,
        deadline: Option<Duration>,
    ) -> MessageId {
        let Place {
            process,
            manager,
            board,
            ..
        } = &self.place;
        let membership: Option<Membership> = *manager.raft().membership().borrow();
        let now = turmoil::sim_elapsed().unwrap_or_default();
        let owner_known = is_owner_known(&self.place, &to);
        let sequence = self.sequences.entry(to.clone()).or_default();
        let id = MessageId { number, to };
        board.report(Event::Sent(Arc::new(Sent {
            id: id.clone(),
            at: now,
            process: process.clone(),
            sender: self.sender,
            sequence: *sequence,
            deadline: deadline.map(|deadline| now + deadline),
            incarnation: membership.map(|membership| membership.incarnation),
            owner_known,
        })));
        *sequence += 1;
        id
    }
}

fn is_owner_known(place: &Place, connection: &ConnectionId) -> bool {
    let ConnectionId::Minted(id) = connection else {
        return false;
    };
    let state = place.manager.raft().state();
    let state = state.borrow();
    let mut members = state.members.values();
    members.any(|member| (member.slot, member.boot) == (id.slot(), id.boot()))
}
