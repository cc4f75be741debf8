//! A node of Raftwire.

use super::{Messages, Pair, Pairing};
use crate::connection::{Outgoing, Seen};
use crate::dialect::{self, SUBPROTOCOL};
use crate::opening::Door;
use crate::receiver::{Hear, Heard};
use crate::route::Route;
use crate::welcome::{may_send, welcomed};
use crate::{BenchError, RouteAnswer};

/// Clients of nodes.
#[derive(Debug)]
pub(crate) struct NodePairing(pub(crate) Messages);

/// A node numbers the messages to a client, from 1.
#[derive(Debug)]
pub(crate) struct NodeHear {
    is_answer: bool,
}

impl Pairing for NodePairing {
    type Talk = Route;
    type Hear = NodeHear;
    const SUBPROTOCOL: Option<&'static str> = Some(SUBPROTOCOL);

    async fn open(
        &self,
        senders_at: &Door,
        receivers_at: &Door,
    ) -> Result<Pair<Route, NodeHear>, BenchError> {
        let (receiver, at) = welcomed(receivers_at).await?;
        let (sender, own) = welcomed(senders_at).await?;
        may_send(&own)?;
        let is_arrival = self.0.answer == RouteAnswer::Arrival;
        let hear = NodeHear {
            is_answer: is_arrival,
        };
        Ok(Pair {
            sender: (sender, Route::new(&at.connection, self.0.bytes, is_arrival)),
            receiver: (receiver, hear),
        })
    }
}

impl Hear for NodeHear {
    fn hear(&mut self, seen: Seen<'_>, _: &mut Outgoing) -> Option<Heard> {
        let place = dialect::message_number(seen.beginning)?;
        Some(Heard {
            place: Some(place),
            number: (self.is_answer.then_some(seen.beginning)).and_then(dialect::payload_number),
        })
    }
}
