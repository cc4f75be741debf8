//! The bare relay of two processes: the least that anything between a sender and its receiver can do.
//!
//! A message is a binary frame whose payload begins with the receiver's slot at the second process, the sender's
//! slot at the first one, which that one fills in, and a number. A process tells each client its slot first.
//! The second one returns each message to its sender as it is, unless [`NO_REPLY`] stands for the slot.

use super::{Messages, Pair, Pairing, await_message};
use crate::connection::{Outgoing, Seen};
use crate::opening::Door;
use crate::receiver::{Hear, Heard};
use crate::sender::{Answer, Talk};
use crate::{BenchError, RouteAnswer};

/// Two slots and a number.
pub(crate) const HEAD_BYTES: usize = 16;
/// In place of the sender's slot: nobody waits for the message to come back.
const NO_REPLY: u32 = u32::MAX;

/// Clients of the relay.
#[derive(Debug)]
pub(crate) struct RelayPairing(pub(crate) Messages);

#[derive(Debug)]
pub(crate) struct RelayTalk {
    message: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct RelayHear;

impl Pairing for RelayPairing {
    type Talk = RelayTalk;
    type Hear = RelayHear;
    const SUBPROTOCOL: Option<&'static str> = None;

    async fn open(
        &self,
        senders_at: &Door,
        receivers_at: &Door,
    ) -> Result<Pair<RelayTalk, RelayHear>, BenchError> {
        let slot = |message: &[u8]| Some(u32::from_be_bytes(message.try_into().ok()?));
        let (mut receiver, rest) = receivers_at.open().await.map_err(BenchError::failed)?;
        let receiver_slot = await_message(&mut receiver, &rest, slot).await?;
        let (mut sender, rest) = senders_at.open().await.map_err(BenchError::failed)?;
        // The first process knows it.
        let _: u32 = await_message(&mut sender, &rest, slot).await?;
        let talk = RelayTalk::new(receiver_slot, self.0);
        Ok(Pair {
            sender: (sender, talk),
            receiver: (receiver, RelayHear),
        })
    }
}

impl RelayTalk {
    fn new(receiver_slot: u32, messages: Messages) -> RelayTalk {
        let sender_slot = match messages.answer {
            RouteAnswer::Result => 0,
            RouteAnswer::Arrival => NO_REPLY,
        };
        let mut message = vec![b'x'; messages.bytes];
        message[..4].copy_from_slice(&receiver_slot.to_be_bytes());
        message[4..8].copy_from_slice(&sender_slot.to_be_bytes());
        RelayTalk { message }
    }
}

impl Talk for RelayTalk {
    fn compose(&mut self, number: u64) -> &[u8] {
        self.message[8..HEAD_BYTES].copy_from_slice(&number.to_be_bytes());
        &self.message
    }

    fn read<'a>(&self, seen: Seen<'a>, _: u64) -> Answer<'a> {
        match number_of(seen.beginning) {
            Some(number) if seen.len == self.message.len() as u64 => Answer::To {
                number,
                outcome: "returned",
            },
            _ => Answer::Wrong(format!("the relay says {} bytes of its own", seen.len)),
        }
    }
}

impl Hear for RelayHear {
    fn hear(&mut self, seen: Seen<'_>, _: &mut Outgoing) -> Option<Heard> {
        let number = number_of(seen.beginning)?;
        Some(Heard {
            place: Some(number + 1),
            number: Some(number),
        })
    }
}

fn number_of(message: &[u8]) -> Option<u64> {
    let number = message.get(8..HEAD_BYTES)?;
    Some(u64::from_be_bytes(number.try_into().ok()?))
}
