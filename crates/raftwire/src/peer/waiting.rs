//! The senders that wait for an answer of one peer.

use std::collections::BTreeMap;

use raftwire_link::Settlement;
use raftwire_protocol::NodeId;
use slab::Slab;
use tokio::sync::oneshot;

use super::handle::Reply;
use super::message::Failure;
use crate::RouteOutcome;

/// Senders that may wait for the second reply. More get the first one only.
const WRITTEN_ASKERS_MAX: usize = 65_536;

/// A committed death: it ends links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) node: NodeId,
    pub(crate) index: u64,
}

#[derive(Debug)]
struct Asker {
    reply: Reply,
    written: Option<u64>,
}

/// Who waits for what.
#[derive(Debug)]
pub(super) struct Waiting {
    node: NodeId,
    askers: Slab<Asker>,
    written: BTreeMap<u64, oneshot::Sender<bool>>,
    next_written: u64,
}

impl Waiting {
    pub(super) fn new(node: NodeId) -> Waiting {
        let (askers, written) = (Slab::new(), BTreeMap::new());
        Waiting {
            node,
            askers,
            written,
            next_written: 0,
        }
    }

    /// A sender waits for the outcome; `written` is its token for the second reply. Returns the
    /// token for the link.
    pub(super) fn ask(&mut self, reply: Reply, written: Option<u64>) -> u64 {
        self.askers.insert(Asker { reply, written }) as u64
    }

    /// A sender waits for the second reply too.
    pub(super) fn ask_written(&mut self, asker: oneshot::Sender<bool>) -> u64 {
        if self.written.len() >= WRITTEN_ASKERS_MAX {
            self.written.retain(|_, asker| !asker.is_closed());
        }
        let token = self.next_written;
        self.next_written += 1;
        if self.written.len() < WRITTEN_ASKERS_MAX {
            self.written.insert(token, asker);
        }
        token
    }

    pub(super) fn answer(&mut self, token: u64, outcome: RouteOutcome) {
        let Some(asker) = usize::try_from(token)
            .ok()
            .and_then(|key| self.askers.try_remove(key))
        else {
            return;
        };
        if outcome != RouteOutcome::Delivered {
            asker.written.map(|token| self.written.remove(&token));
        }
        asker.reply.send(outcome);
    }

    /// The peer says what became of a delivered frame.
    pub(super) fn tell_written(&mut self, token: u64, written: bool) {
        if let Some(asker) = self.written.remove(&token) {
            let _ = asker.send(written);
        }
    }

    /// The link has ended: no second reply will come by it.
    pub(super) fn forget_written(&mut self) {
        self.written.clear();
    }

    /// `death` says why the link has ended, if it has; `None` at its end that this node stops.
    pub(super) fn settle(&mut self, token: u64, settlement: Settlement, death: Option<&Death>) {
        let outcome = RouteOutcome::settled(settlement, &self.node, death);
        self.answer(token, outcome);
    }
}

impl RouteOutcome {
    /// What became of a message to `node`; `death` says why the link ended, `None` that this node stops.
    pub(super) fn settled(
        settlement: Settlement,
        node: &NodeId,
        death: Option<&Death>,
    ) -> RouteOutcome {
        match settlement {
            Settlement::Delivered => RouteOutcome::Delivered,
            Settlement::Failed(code) => Failure::from_code(code).into(),
            Settlement::Expired { transmitted } => RouteOutcome::Deadline { transmitted },
            Settlement::NotSent => match death {
                Some(death) if death.node == *node => RouteOutcome::NodeDown { node: node.clone() },
                // This node was declared dead itself, or stops.
                Some(_) | None => RouteOutcome::Unavailable,
            },
            Settlement::Lost => RouteOutcome::lost(death),
        }
    }

    /// The link ended with the message in flight.
    pub(super) fn lost(death: Option<&Death>) -> RouteOutcome {
        match death {
            Some(death) => RouteOutcome::NodeLost {
                node: death.node.clone(),
                index: death.index,
            },
            None => RouteOutcome::Deadline { transmitted: true },
        }
    }
}

impl From<Failure> for RouteOutcome {
    fn from(failure: Failure) -> RouteOutcome {
        match failure {
            Failure::NotFound => RouteOutcome::NotFound,
            Failure::SlowConsumer => RouteOutcome::SlowConsumer,
            // The owner dropped it: it certainly did not happen.
            Failure::Expired => RouteOutcome::Deadline { transmitted: false },
            // No message to a connection fails for facts.
            Failure::Refused | Failure::Behind => RouteOutcome::Refused,
            Failure::TooLarge => RouteOutcome::TooLarge { limit_bytes: None },
            Failure::Incomplete => RouteOutcome::Unavailable,
            Failure::Moved => RouteOutcome::Superseded,
        }
    }
}
