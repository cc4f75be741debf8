//! What arrives over a link and is for this node.

use std::time::Instant;

use raftwire_link::{Incoming, LinkIdentity};
use raftwire_protocol::Frame;

use super::handle::PeerHandle;
use super::message::{Failure, Message};
use super::waiting::Waiting;
use crate::connection::{Delivery, WrittenTicket};

/// A payload shares the memory of its packet, 64 KiB with other messages in it. A shorter one is
/// copied out, so that what waits in an outbox holds at most four times its own size.
const SHARED_PAYLOAD_BYTES_MIN: usize = 16 * 1024;

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
                frame,
                tell_written,
            } => {
                let ticket =
                    tell_written.map(|token| WrittenTicket::peer(from.clone(), *link, token));
                self.delivery
                    .deliver(&connection, unshared(frame), incoming.acknowledge, ticket)
                    .map_err(Failure::from)
            }
            Message::Written { token, written } => {
                waiting.tell_written(token, written);
                Ok(())
            }
        }
    }
}

pub(super) fn unshared(frame: Frame) -> Frame {
    if frame.len() >= SHARED_PAYLOAD_BYTES_MIN {
        return frame;
    }
    frame.copied()
}
