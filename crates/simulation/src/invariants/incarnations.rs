//! At most one living incarnation a node; incarnations only rise; what died stays dead; a boot of
//! a slot belongs to one process for good, so no two processes ever mint the same connection id.
//!
//! The fences rest on this: a frame of an older incarnation can be refused because no older one
//! comes back. (Kafka KRaft's broker epochs, KIP-343 and KIP-631, are the same idea.)

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use raftwire::{ConnectionId, DownReason, NodeId};
use raftwire_consensus::{Liveness, Member};
use raftwire_protocol::{Boot, Incarnation, Session, Slot};

use super::Violations;
use crate::view::View;

const NAME: &str = "incarnations";

/// How an incarnation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Death {
    pub(super) index: u64,
    pub(super) reason: DownReason,
}

/// Everything that the log has said of incarnations.
#[derive(Debug, Default)]
pub(super) struct Incarnations {
    issued: BTreeMap<Incarnation, (NodeId, Session)>,
    by_index: BTreeMap<u64, Incarnation>,
    deaths: BTreeMap<(NodeId, Incarnation), Death>,
    boots: BTreeMap<(Slot, Boot), Session>,
    minted: BTreeSet<ConnectionId>,
}

impl Incarnations {
    /// A process shows another state than before.
    pub(super) fn state(&mut self, at: Duration, view: &View, violations: &mut Violations) {
        for (node, member) in &view.state.members {
            let wrong = [
                self.issue(node, member),
                self.boot(member),
                self.end(node, member, view.state.applied_index),
            ];
            for wrong in wrong.into_iter().flatten() {
                let what = format!("{}, by {}: {wrong}: {member:?}", node, view.process);
                violations.add(at, NAME, what);
            }
        }
    }

    fn issue(&mut self, node: &NodeId, member: &Member) -> Option<String> {
        let fresh = (node.clone(), member.session);
        let (owner, session) = self.issued.entry(member.incarnation).or_insert(fresh);
        if (owner as &NodeId, &*session) != (node, &member.session) {
            return Some(format!(
                "its incarnation was issued to {owner} {session} before"
            ));
        }
        let known = *self
            .by_index
            .entry(member.joined_at)
            .or_insert(member.incarnation);
        let before = self.by_index.range(..member.joined_at).next_back();
        let after = self.by_index.range(member.joined_at + 1..).next();
        let rises = before.is_none_or(|(_, before)| *before < known)
            && after.is_none_or(|(_, after)| known < *after);
        let is_same = known == member.incarnation;
        (!is_same || !rises).then(|| "incarnations do not rise with the log".to_owned())
    }

    fn boot(&mut self, member: &Member) -> Option<String> {
        let known = *self
            .boots
            .entry((member.slot, member.boot))
            .or_insert(member.session);
        (known != member.session).then(|| format!("its boot belongs to session {known}"))
    }

    fn end(&mut self, node: &NodeId, member: &Member, applied: u64) -> Option<String> {
        let mut wrong = None;
        let mut died = |incarnation, death| {
            let known = *self
                .deaths
                .entry((node.clone(), incarnation))
                .or_insert(death);
            if known != death {
                wrong = Some(format!("{incarnation} died twice: {known:?}"));
            }
        };
        if let Some(before) = member.predecessor {
            died(
                before.incarnation,
                Death {
                    index: before.ended_at,
                    reason: before.reason,
                },
            );
        }
        if let Liveness::Dead { at, reason } = member.liveness {
            died(member.incarnation, Death { index: at, reason });
        }
        let death = self.deaths.get(&(node.clone(), member.incarnation));
        if member.is_alive() && death.is_some_and(|death| death.index <= applied) {
            wrong = Some(format!("lives after its death {death:?}"));
        }
        wrong
    }

    /// A client was given an id.
    pub(super) fn opened(
        &mut self,
        at: Duration,
        connection: &ConnectionId,
        violations: &mut Violations,
    ) {
        if !self.minted.insert(connection.clone()) {
            violations.add(at, NAME, format!("{connection} was minted twice"));
        }
    }

    /// Whether the log may have issued this incarnation to this session of the node, at this index:
    /// nothing else is known of any of them.
    pub(super) fn may_have_issued(
        &self,
        node: &NodeId,
        incarnation: Incarnation,
        session: Session,
        index: u64,
    ) -> bool {
        let known = self.issued.get(&incarnation);
        let at_index = self.by_index.get(&index);
        known.is_none_or(|(owner, known)| (owner, *known) == (node, session))
            && at_index.is_none_or(|known| *known == incarnation)
    }

    /// The death of an incarnation, if one is known.
    pub(super) fn death(&self, node: &NodeId, incarnation: Incarnation) -> Option<Death> {
        self.deaths.get(&(node.clone(), incarnation)).copied()
    }

    /// Whether an incarnation of the node ended at this index.
    pub(super) fn is_death(&self, node: &NodeId, index: u64) -> bool {
        let mut deaths = self.deaths.iter();
        deaths.any(|((owner, _), death)| owner == node && death.index == index)
    }
}
