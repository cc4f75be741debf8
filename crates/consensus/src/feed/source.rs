//! Whom a node without a seat asks for the feed.

use raftwire_protocol::{NodeId, RaftId};

use crate::shared::Shared;

/// How many sources are remembered: voters and spares are fewer.
const SOURCES_MAX: usize = 16;

/// The nodes that may have the log, asked one after the other.
#[derive(Debug)]
pub(super) struct Sources {
    /// As the last answer named them; none before the first.
    named: Vec<NodeId>,
    at: usize,
}

impl Sources {
    /// Where one begins differs from node to node, so that not all ask the same one.
    pub(super) fn new(raft_id: RaftId) -> Sources {
        Sources {
            named: Vec::new(),
            at: usize::try_from(raft_id.get() >> 1).unwrap_or(0),
        }
    }

    /// Who is asked now. None if this node knows nobody.
    pub(super) fn current(&self, shared: &Shared) -> Option<NodeId> {
        let own = &shared.options.node;
        let named: Vec<&NodeId> = self.named.iter().filter(|node| *node != own).collect();
        if !named.is_empty() {
            let at = self.at.checked_rem(named.len())?;
            return named.get(at).map(|node| (*node).clone());
        }
        let peers = shared.peers();
        let at = self.at.checked_rem(peers.len())?;
        peers.into_iter().nth(at)
    }

    /// The one that was asked did not answer. After all have been asked in vain, whoever is known is.
    pub(super) fn failed(&mut self) {
        self.at = self.at.wrapping_add(1);
        if !self.named.is_empty() && self.at.is_multiple_of(self.named.len()) {
            self.named.clear();
        }
    }

    /// An answer names who has the log.
    pub(super) fn named(&mut self, names: &[String]) {
        let known = names.iter().filter_map(|name| name.parse().ok());
        let named: Vec<NodeId> = known.take(SOURCES_MAX).collect();
        if self.named != named {
            self.named = named;
        }
    }
}
