//! All owned facts that this node knows: its own, and the copies of the others'.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftwire_link::LinkIdentity;
use raftwire_protocol::{Incarnation, NodeId};
use tokio::sync::watch;

use super::memberships::{MembershipError, Memberships, Progress};
use super::remote::RemoteFacts;
use super::view::OwnedFactsView;

/// The other living nodes: their incarnations, and the links to them while this node lives as well.
pub(crate) type Living = BTreeMap<NodeId, (Incarnation, Option<LinkIdentity>)>;

/// How much of this node's history every living node has acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Settled {
    progress: Progress,
    is_over: bool,
}

#[derive(Debug, Default)]
struct Copies {
    local: Option<Incarnation>,
    by_node: BTreeMap<NodeId, Arc<RemoteFacts>>,
}

/// Which copies there are is decided by the directory's task alone, from the agreed members; what is in a
/// copy, by the task of its node's link.
#[derive(Debug)]
pub(crate) struct Facts {
    memberships: Arc<Memberships>,
    copies: Mutex<Copies>,
    settled: watch::Sender<Settled>,
}

impl Facts {
    pub(crate) fn new(memberships: Arc<Memberships>) -> Facts {
        Facts {
            memberships,
            copies: Mutex::default(),
            settled: watch::Sender::new(Settled::default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn memberships(&self) -> &Memberships {
        &self.memberships
    }

    pub(crate) fn of(&self, node: &NodeId) -> Option<Arc<RemoteFacts>> {
        self.lock().by_node.get(node).cloned()
    }

    /// This node's own history, under its name, and the copies of the others'.
    pub(crate) fn views(&self, local: &NodeId) -> BTreeMap<NodeId, OwnedFactsView> {
        let copies = self.lock();
        let others = copies.by_node.iter();
        let mut views: BTreeMap<_, _> = others
            .map(|(node, facts)| (node.clone(), facts.view()))
            .collect();
        views.insert(local.clone(), self.memberships.view());
        views
    }

    /// Keeps a copy for each other living node, and none for the dead. `local` is this node's incarnation
    /// while it is alive; links are `None` while it is not, and copies stay as they are.
    pub(crate) fn follow(&self, local: Option<Incarnation>, living: &Living) {
        if let Some(incarnation) = local {
            self.memberships.begin(incarnation);
        }
        let mut copies = self.lock();
        copies.local = local;
        copies.by_node.retain(|node, facts| {
            let lives = living.get(node).map(|(incarnation, _)| *incarnation);
            lives == Some(facts.identity().remote_incarnation)
        });
        for (node, (_, identity)) in living {
            let Some(identity) = *identity else { continue };
            let facts = match copies.by_node.get(node) {
                Some(facts) if *facts.identity() == identity => continue,
                Some(facts) => facts.with_identity(identity),
                None => RemoteFacts::new(identity),
            };
            copies.by_node.insert(node.clone(), Arc::new(facts));
        }
        self.settle(&copies);
    }

    /// A node has everything of this node's history up to here.
    pub(crate) fn acknowledged(&self, remote: &RemoteFacts, sequence: u64) {
        if remote.acknowledge(sequence) {
            self.settle(&self.lock());
        }
    }

    fn settle(&self, copies: &Copies) {
        let acknowledged = copies.by_node.values().map(|facts| facts.acknowledged());
        let everybody = acknowledged.min().unwrap_or(u64::MAX);
        self.settled.send_if_modified(|settled| {
            let progress = match copies.local {
                Some(incarnation) => Progress {
                    incarnation: incarnation.get(),
                    sequence: everybody,
                },
                // The others hold this node dead, and have dropped what they knew of it.
                None => Progress {
                    sequence: 0,
                    ..settled.progress
                },
            };
            let is_news = settled.progress != progress;
            settled.progress = progress;
            is_news
        });
    }

    /// Waits until every living node has what this node's history contains now.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn settled(&self) -> Result<(), MembershipError> {
        let history = self.memberships.progress();
        let mut needed = *history.borrow();
        let mut settled = self.settled.subscribe();
        loop {
            let now = *settled.borrow_and_update();
            if now.is_over {
                return Err(MembershipError::Stopped);
            }
            if now.progress.incarnation > needed.incarnation {
                // This node came back: its rows are in the history that it began then.
                needed = *history.borrow();
            }
            if now.progress.incarnation == needed.incarnation
                && now.progress.sequence >= needed.sequence
            {
                return Ok(());
            }
            if settled.changed().await.is_err() {
                return Err(MembershipError::Stopped);
            }
        }
    }

    /// Nothing is settled any more: this node stops.
    pub(crate) fn close(&self) {
        self.settled.send_modify(|settled| settled.is_over = true);
    }
}

#[cfg(test)]
mod tests {
    use raftwire_protocol::Session;

    use super::*;
    use crate::facts::Row;

    fn node(name: &str) -> NodeId {
        name.parse().expect("a node id")
    }

    fn living(local: u64, others: &[(&str, u64)]) -> (Option<Incarnation>, Living) {
        let others = others.iter().map(|(name, incarnation)| {
            let identity = LinkIdentity {
                local_session: Session::new(1),
                remote_session: Session::new(2),
                local_incarnation: Incarnation::new(local),
                remote_incarnation: Incarnation::new(*incarnation),
            };
            let incarnation = identity.remote_incarnation;
            (node(name), (incarnation, Some(identity)))
        });
        (Some(Incarnation::new(local)), others.collect())
    }

    fn facts(local: u64, others: &[(&str, u64)]) -> Facts {
        let facts = Facts::new(Arc::new(Memberships::default()));
        let (incarnation, living) = living(local, others);
        facts.follow(incarnation, &living);
        facts
    }

    fn join(facts: &Facts, name: &str) {
        use raftwire_protocol::{Boot, MintedId, Slot};
        let id = MintedId::new(Slot::new(1), Boot::new(1).expect("24 bits"), 1, 0, 0);
        let group = name.parse().expect("a group");
        facts.memberships().join(&id, group, || true).expect("room");
    }

    fn is_settled(facts: &Facts) -> bool {
        use futures_util::FutureExt as _;
        facts.settled().now_or_never() == Some(Ok(()))
    }

    #[test]
    fn a_row_is_settled_when_the_last_living_node_has_it() {
        let facts = facts(1, &[("a", 2), ("b", 3)]);
        join(&facts, "g");
        let [a, b] = ["a", "b"].map(|name| facts.of(&node(name)).expect("living"));
        facts.acknowledged(&a, 1);
        assert!(!is_settled(&facts));

        facts.acknowledged(&b, 1);

        assert!(is_settled(&facts));
    }

    #[test]
    fn a_death_settles_what_only_the_dead_had_not_acknowledged() {
        let facts = facts(1, &[("a", 2)]);
        join(&facts, "g");
        assert!(!is_settled(&facts));

        let (incarnation, none) = living(1, &[]);
        facts.follow(incarnation, &none);

        assert!(is_settled(&facts));
        assert!(facts.of(&node("a")).is_none());
    }

    #[test]
    fn nothing_is_settled_while_this_node_is_held_dead() {
        let facts = facts(1, &[]);
        join(&facts, "g");
        assert!(is_settled(&facts));

        facts.follow(None, &Living::new());
        assert!(!is_settled(&facts));
        let (incarnation, none) = living(2, &[]);
        facts.follow(incarnation, &none);

        assert!(is_settled(&facts));
    }

    #[test]
    fn acknowledgements_of_a_former_incarnation_settle_nothing() {
        let facts = facts(1, &[("a", 2)]);
        join(&facts, "g");
        let former = facts.of(&node("a")).expect("living");
        facts.acknowledged(&former, 1);
        let (incarnation, others) = living(4, &[("a", 2)]);
        facts.follow(incarnation, &others);
        assert!(!is_settled(&facts));
        facts.acknowledged(&former, 2);
        assert!(!is_settled(&facts));

        let now = facts.of(&node("a")).expect("living");
        facts.acknowledged(&now, 1);

        assert!(is_settled(&facts));
    }

    #[test]
    fn a_copy_is_doubted_after_this_nodes_own_return() {
        let facts = facts(1, &[("a", 2)]);
        let row = Row::Group("g".parse().expect("a group"));
        let copy = facts.of(&node("a")).expect("living");
        let empty = Memberships::default();
        let digest = empty.digest(Incarnation::NONE).expect("this incarnation");
        let now = raftwire_environment::Environment::real().now();
        assert!(copy.may_hold(&row), "it does not know yet");
        copy.on_digest(&digest, now).expect("possible");
        assert!(!copy.may_hold(&row));

        let (incarnation, others) = living(4, &[("a", 2)]);
        facts.follow(incarnation, &others);

        assert!(facts.of(&node("a")).expect("living").may_hold(&row));
    }

    #[test]
    fn stopping_ends_the_waiting() {
        use futures_util::FutureExt as _;
        let facts = facts(1, &[("a", 2)]);
        join(&facts, "g");

        facts.close();

        assert_eq!(
            facts.settled().now_or_never(),
            Some(Err(MembershipError::Stopped))
        );
    }
}
