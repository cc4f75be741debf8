use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use raftwire_environment::BootTime;
use raftwire_protocol::{Incarnation, NodeId};

use crate::state::ClusterState;
use crate::wire::request::Nonce;

/// How many nonces of a node are remembered: a few answers may be on their way at once.
const NONCES_MAX: usize = 8;

/// The leader's side of the leases, for one term of one leader. Pure: times are passed in.
///
/// The module's page says what the rules are for.
#[derive(Debug, Default)]
pub(crate) struct LeaseTable {
    /// The term in which this node leads; none while it does not.
    term: Option<u64>,
    rows: BTreeMap<NodeId, Row>,
    /// The term that the rows belong to, kept while this node does not lead: what was doomed in a
    /// term stays so in that term.
    rows_of: Option<u64>,
    /// The index of the newest state that was taken in.
    observed: u64,
    /// When a quorum was last known to follow.
    confirmed: BootTime,
}

#[derive(Debug)]
struct Row {
    incarnation: Incarnation,
    /// The last grant, or what else the whole lease is counted from.
    counted_from: BootTime,
    /// The death has been proposed in this term, at this time: nothing is granted any more.
    doomed: Option<BootTime>,
    nonces: VecDeque<(u64, BootTime)>,
}

/// An incarnation whose whole lease has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expired {
    pub(crate) node: NodeId,
    pub(crate) incarnation: Incarnation,
    pub(crate) term: u64,
}

impl LeaseTable {
    /// This node leads in `term` since, at the latest, `now`; or it leads no more.
    pub(crate) fn lead(&mut self, term: Option<u64>, now: BootTime) {
        if term.is_some() && term != self.rows_of {
            *self = LeaseTable {
                rows_of: term,
                confirmed: now,
                ..LeaseTable::default()
            };
        }
        self.term = term;
    }

    /// The term in which this node leads.
    pub(crate) fn term(&self) -> Option<u64> {
        self.term
    }

    /// Takes in what the log says by now: new incarnations get a whole lease, ended ones lose
    /// their row. A state that is older than one seen before says nothing.
    pub(crate) fn observe(&mut self, state: &ClusterState, now: BootTime) {
        if state.applied_index < self.observed {
            return;
        }
        self.observed = state.applied_index;
        self.rows
            .retain(|node, row| state.is_alive(node, row.incarnation));
        for (node, member) in &state.members {
            if member.is_alive() {
                self.rows.entry(node.clone()).or_insert_with(|| Row {
                    incarnation: member.incarnation,
                    counted_from: now,
                    doomed: None,
                    nonces: VecDeque::new(),
                });
            }
        }
    }

    /// A nonce for an answer to `node`, with `value` drawn at random.
    pub(crate) fn issue(&mut self, node: &NodeId, value: u64, now: BootTime) -> Option<Nonce> {
        let term = self.term?;
        let row = self.rows.get_mut(node)?;
        row.nonces.truncate(NONCES_MAX - 1);
        row.nonces.push_front((value, now));
        Some(Nonce { term, value })
    }

    /// Whether a renewal may be granted as far as its nonce goes (rule 1).
    pub(crate) fn accepts(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        nonce: Option<Nonce>,
        lease: Duration,
        now: BootTime,
    ) -> bool {
        let (Some(nonce), Some(row)) = (nonce, self.row(node, incarnation)) else {
            return false;
        };
        self.term == Some(nonce.term)
            && row.nonces.iter().any(|(value, issued)| {
                *value == nonce.value && now.duration_since(*issued) < lease / 2
            })
    }

    /// Grants, after the quorum round, if this is still the term in which the renewal arrived and
    /// the incarnation is not doomed (rule 3).
    pub(crate) fn grant(
        &mut self,
        term: u64,
        node: &NodeId,
        incarnation: Incarnation,
        now: BootTime,
    ) -> bool {
        if self.term != Some(term) {
            return false;
        }
        match self.rows.get_mut(node) {
            Some(row) if row.incarnation == incarnation && row.doomed.is_none() => {
                row.counted_from = row.counted_from.max(now);
                true
            }
            Some(_) | None => false,
        }
    }

    /// A quorum follows. If it had not for long, then nobody could renew, through no fault of
    /// theirs: all count anew. Later deaths are always safe.
    pub(crate) fn confirm(&mut self, lease: Duration, now: BootTime) {
        if now.duration_since(self.confirmed) > lease / 4 {
            for row in self.rows.values_mut() {
                row.counted_from = row.counted_from.max(now);
            }
        }
        self.confirmed = self.confirmed.max(now);
    }

    /// The incarnations whose whole lease has passed, if a quorum follows at `now`. They are doomed
    /// from here on; each is told again after `again`, in case its proposal was lost.
    pub(crate) fn expired(
        &mut self,
        lease: Duration,
        again: Duration,
        now: BootTime,
    ) -> Vec<Expired> {
        let Some(term) = self.term else {
            return Vec::new();
        };
        if lease.is_zero() || now.duration_since(self.confirmed) > lease / 4 {
            return Vec::new();
        }
        let mut expired = Vec::new();
        for (node, row) in &mut self.rows {
            let due = match row.doomed {
                None => now.duration_since(row.counted_from) >= lease,
                Some(proposed) => now.duration_since(proposed) >= again,
            };
            if due {
                row.doomed = Some(now);
                expired.push(Expired {
                    node: node.clone(),
                    incarnation: row.incarnation,
                    term,
                });
            }
        }
        expired
    }

    fn row(&self, node: &NodeId, incarnation: Incarnation) -> Option<&Row> {
        self.rows
            .get(node)
            .filter(|row| row.incarnation == incarnation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, Found, Join};
    use raftwire_protocol::{RaftId, Session};

    const LEASE: Duration = Duration::from_secs(5);
    const AGAIN: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> BootTime {
        BootTime::new(Duration::from_millis(millis))
    }

    fn node() -> NodeId {
        "n1".parse().expect("valid")
    }

    /// A state with one living member, and its incarnation.
    fn state() -> (ClusterState, Incarnation) {
        let mut state = ClusterState::default();
        let found = Command::Found(Found {
            cluster_id: 1,
            lease_ms: 5_000,
            founding: vec![node()],
            ephemeral: false,
            names_max: crate::state::NAMES_MAX_DEFAULT,
        });
        let join = Command::Join(Join {
            node: node(),
            raft_id: RaftId::new(1),
            session: Session::new(1),
            expected: None,
            address: None,
            ephemeral: false,
            edge: false,
            versions: crate::state::WireVersions::CURRENT,
            cluster: None,
        });
        state.apply(1, 1, Some(&found)).expect("known");
        state.apply(1, 2, Some(&join)).expect("known");
        let incarnation = state.members[&node()].incarnation;
        (state, incarnation)
    }

    fn table() -> (LeaseTable, Incarnation) {
        let (state, incarnation) = state();
        let mut table = LeaseTable::default();
        table.lead(Some(3), at(0));
        table.observe(&state, at(0));
        (table, incarnation)
    }

    #[test]
    fn a_renewal_needs_a_nonce_of_this_term() {
        let (mut table, incarnation) = table();
        let nonce = table.issue(&node(), 77, at(0)).expect("a member");

        assert!(table.accepts(&node(), incarnation, Some(nonce), LEASE, at(1)));
        assert!(!table.accepts(&node(), incarnation, None, LEASE, at(1)));
        let other_term = Nonce { term: 2, ..nonce };
        assert!(!table.accepts(&node(), incarnation, Some(other_term), LEASE, at(1)));
        let made_up = Nonce { value: 78, ..nonce };
        assert!(!table.accepts(&node(), incarnation, Some(made_up), LEASE, at(1)));
    }

    #[test]
    fn a_nonce_is_worth_something_for_half_a_lease() {
        let (mut table, incarnation) = table();
        let nonce = table.issue(&node(), 77, at(0));

        assert!(table.accepts(&node(), incarnation, nonce, LEASE, at(2_499)));
        assert!(!table.accepts(&node(), incarnation, nonce, LEASE, at(2_500)));
    }

    #[test]
    fn a_new_term_forgets_nonces_and_gives_everyone_a_whole_lease() {
        let (mut table, incarnation) = table();
        let nonce = table.issue(&node(), 77, at(0));

        table.lead(Some(4), at(4_000));
        table.observe(&state().0, at(4_000));
        table.confirm(LEASE, at(6_000));

        assert!(!table.accepts(&node(), incarnation, nonce, LEASE, at(4_001)));
        assert_eq!(table.expired(LEASE, AGAIN, at(6_000)), []);
    }

    #[test]
    fn a_death_waits_for_the_whole_lease_since_the_last_grant() {
        let (mut table, incarnation) = table();
        assert!(table.grant(3, &node(), incarnation, at(1_000)));

        for millis in (1_000..6_000).step_by(500) {
            table.confirm(LEASE, at(millis));
            assert_eq!(table.expired(LEASE, AGAIN, at(millis)), []);
        }

        table.confirm(LEASE, at(6_000));
        let expired = Expired {
            node: node(),
            incarnation,
            term: 3,
        };
        assert_eq!(table.expired(LEASE, AGAIN, at(6_000)), [expired]);
    }

    #[test]
    fn the_doomed_are_granted_nothing_and_proposed_again() {
        let (mut table, incarnation) = table();
        for millis in (0..=5_000).step_by(500) {
            table.confirm(LEASE, at(millis));
        }
        assert_eq!(table.expired(LEASE, AGAIN, at(5_000)).len(), 1);

        assert!(!table.grant(3, &node(), incarnation, at(5_100)));
        assert_eq!(table.expired(LEASE, AGAIN, at(5_200)), []);
        assert_eq!(table.expired(LEASE, AGAIN, at(6_000)).len(), 1);
    }

    #[test]
    fn a_grant_of_an_earlier_term_or_to_another_incarnation_is_none() {
        let (mut table, incarnation) = table();

        assert!(!table.grant(2, &node(), incarnation, at(1)));
        assert!(!table.grant(3, &node(), Incarnation::new(99), at(1)));
    }

    #[test]
    fn without_a_quorum_nobody_is_declared_dead_and_with_it_all_count_anew() {
        let (mut table, _) = table();

        assert_eq!(table.expired(LEASE, AGAIN, at(20_000)), []);
        table.confirm(LEASE, at(20_000));
        assert_eq!(table.expired(LEASE, AGAIN, at(20_001)), []);
    }

    #[test]
    fn who_leads_nothing_declares_nothing() {
        let (mut table, incarnation) = table();

        table.lead(None, at(9_000));

        assert_eq!(table.expired(LEASE, AGAIN, at(9_000)), []);
        assert!(!table.grant(3, &node(), incarnation, at(9_000)));
    }

    #[test]
    fn who_leads_the_same_term_again_remembers_whom_it_doomed() {
        let (mut table, incarnation) = table();
        for millis in (0..=5_000).step_by(500) {
            table.confirm(LEASE, at(millis));
        }
        assert_eq!(table.expired(LEASE, AGAIN, at(5_000)).len(), 1);

        table.lead(None, at(5_100));
        table.lead(Some(3), at(5_200));

        assert!(!table.grant(3, &node(), incarnation, at(5_300)));
    }

    #[test]
    fn a_state_that_arrives_late_takes_nobody_out() {
        let (mut table, incarnation) = table();
        let older = ClusterState {
            applied_index: 1,
            ..ClusterState::default()
        };

        table.observe(&older, at(100));

        assert!(table.grant(3, &node(), incarnation, at(200)));
    }
}
