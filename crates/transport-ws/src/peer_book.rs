use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use raftwire_protocol::{Endpoint, NodeId};
use tokio::sync::watch;

/// How many peers can be learnt of: more than a cluster has nodes. Each costs two tasks that dial.
const LEARNT_MAX: usize = 1024;

/// Where one peer may be: the address that it was configured with, and the one that the cluster
/// tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    configured: Option<Endpoint>,
    learnt: Option<Endpoint>,
}

impl Places {
    /// The place to try at the given attempt: one after the other.
    pub(crate) fn at(&self, attempt: usize) -> Option<&Endpoint> {
        let learnt = self.learnt.iter();
        let learnt = learnt.filter(|learnt| Some(*learnt) != self.configured.as_ref());
        let all: Vec<&Endpoint> = self.configured.iter().chain(learnt).collect();
        all.get(attempt.checked_rem(all.len())?).copied()
    }
}

/// The peers that are dialled. Whoever holds a receiver dials until the sender is dropped.
#[derive(Debug, Default)]
pub(crate) struct PeerBook {
    peers: BTreeMap<NodeId, watch::Sender<Places>>,
}

impl PeerBook {
    /// Notes a configured peer; it is dialled from now on.
    pub(crate) fn configure(
        &mut self,
        peer: NodeId,
        endpoint: Endpoint,
    ) -> watch::Receiver<Places> {
        let sender = watch::Sender::new(Places {
            configured: Some(endpoint),
            learnt: None,
        });
        let places = sender.subscribe();
        self.peers.insert(peer, sender);
        places
    }

    /// Notes where a peer is. Returns what to dial by if nobody dials the peer yet.
    pub(crate) fn learn(
        &mut self,
        peer: NodeId,
        endpoint: Endpoint,
    ) -> Option<watch::Receiver<Places>> {
        let is_full = self.peers.len() >= LEARNT_MAX;
        match self.peers.entry(peer) {
            Entry::Occupied(known) => {
                known.get().send_if_modified(|places| {
                    let is_other = places.learnt.as_ref() != Some(&endpoint);
                    places.learnt = Some(endpoint);
                    is_other
                });
                None
            }
            Entry::Vacant(new) if is_full => {
                tracing::warn!(peer = %new.key(), "too many peers: this one is not dialled");
                None
            }
            Entry::Vacant(new) => {
                let sender = watch::Sender::new(Places {
                    configured: None,
                    learnt: Some(endpoint),
                });
                let places = sender.subscribe();
                new.insert(sender);
                Some(places)
            }
        }
    }

    /// Forgets what was learnt of a peer; one that was not configured is dialled no more.
    pub(crate) fn forget(&mut self, peer: &NodeId) {
        let Some(known) = self.peers.get(peer) else {
            return;
        };
        if known.borrow().configured.is_none() {
            self.peers.remove(peer);
            return;
        }
        known.send_if_modified(|places| places.learnt.take().is_some());
    }

    /// Ends all dialling.
    pub(crate) fn clear(&mut self) {
        self.peers.clear();
    }
}

#[cfg(test)]
mod tests {
    use raftwire_protocol::NodeAddress;

    use super::*;

    fn place(port: u16) -> Endpoint {
        let address: NodeAddress = format!("a@host:{port}").parse().unwrap();
        address.endpoint.unwrap()
    }

    fn node() -> NodeId {
        "a".parse().unwrap()
    }

    #[test]
    fn a_configured_and_a_learnt_place_are_tried_in_turn() {
        let mut book = PeerBook::default();
        let places = book.configure(node(), place(1));
        assert!(book.learn(node(), place(2)).is_none(), "it is dialled");

        let places = places.borrow();
        let tried: Vec<_> = (0..4).map(|attempt| places.at(attempt)).collect();

        assert_eq!(
            tried,
            [place(1), place(2), place(1), place(2)]
                .each_ref()
                .map(Some)
        );
    }

    #[test]
    fn a_new_place_replaces_the_one_that_was_learnt() {
        let mut book = PeerBook::default();
        let places = book.learn(node(), place(1)).unwrap();

        assert!(book.learn(node(), place(2)).is_none());

        assert_eq!(places.borrow().at(0), Some(&place(2)));
        assert_eq!(places.borrow().at(1), Some(&place(2)));
    }

    #[test]
    fn learning_what_is_known_disturbs_nobody() {
        let mut book = PeerBook::default();
        let mut places = book.learn(node(), place(1)).unwrap();
        places.mark_unchanged();

        book.learn(node(), place(1));

        assert!(!places.has_changed().unwrap());
    }

    #[test]
    fn who_is_forgotten_is_dialled_no_more_unless_it_was_configured() {
        let mut book = PeerBook::default();
        let learnt = book.learn(node(), place(1)).unwrap();
        book.forget(&node());
        assert!(learnt.has_changed().is_err());

        let configured = book.configure(node(), place(1));
        book.learn(node(), place(2));
        book.forget(&node());
        assert_eq!(configured.borrow().at(1), Some(&place(1)));
    }

    #[test]
    fn only_so_many_peers_are_dialled() {
        let mut book = PeerBook::default();
        for number in 0..LEARNT_MAX {
            let peer = format!("n{number}").parse().unwrap();
            assert!(book.learn(peer, place(1)).is_some());
        }

        assert!(book.learn(node(), place(1)).is_none());
    }
}
