//! What arrives over a link and is for this node.

use std::time::Instant;

use raftwire_link::{Incoming, LinkIdentity};

use super::handle::PeerHandle;
use super::message::{Failure, Message};
use super::waiting::Waiting;
use crate::connection::{Delivery, WrittenTicket};

/// Takes messages of peers to this node's connections. It never routes on: a connection that is
/// not here is answered so.
#[derive(Clone, Debug)]
pub(crate) struct Inbound {
    delivery: Delivery,
    message_bytes_max: usize,
}

impl Inbound {
    pub(crate) fn new(delivery: Delivery, message_bytes_max: usize) -> Inbound {
        Inbound {
            delivery,
            message_bytes_max,
        }
    }

    pub(super) fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    pub(super) fn accept(
        &self,
        incoming: Incoming,
        now: Instant,
        (from, link): (&PeerHandle, &LinkIdentity),
        waiting: &mut Waiting,
    ) -> Result<(), Failure> {
        let is_expired = incoming.deadline.is_some_and(|deadline| deadline <= now);
        match Message::decode(incoming.body).map_err(|_| Failure::Refused)? {
            Message::Deliver { .. } if is_expired => Err(Failure::Expired),
            // The link's own limit leaves room for heads: this one is exact.
            Message::Deliver { ref frame, .. } if frame.len() > self.message_bytes_max => {
                Err(Failure::TooLarge)
            }
            Message::Deliver {
                connection,
                epoch,
                frame,
                tell_written,
            } => {
                let ticket =
                    tell_written.map(|token| WrittenTicket::peer(from.clone(), *link, token));
                self.delivery
                    .deliver((&connection, epoch), frame, incoming.acknowledge, ticket)
                    .map_err(Failure::from)
            }
            Message::Written { token, written } => {
                waiting.tell_written(token, written);
                Ok(())
            }
        }
    }
}
