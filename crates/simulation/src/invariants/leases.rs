//! When the death of an incarnation is committed, its node does not hold a lease on it any more;
//! and at most one node acts as the leader.
//!
//! The first is the claim that is argued for in the documentation of the leases in
//! `raftwire-consensus`; the second is what "acknowledged by a quorum within the lease" is for (Raft
//! dissertation, §6.4.1).

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire::{DownReason, NodeId};

use super::Violations;
use super::incarnations::Incarnations;
use crate::view::View;

const DEATH: &str = "a lease ends before its death";
const LEADER: &str = "one acting leader";

pub(super) fn check(
    at: Duration,
    views: &BTreeMap<NodeId, View>,
    incarnations: &Incarnations,
    violations: &mut Violations,
) {
    for view in views.values().filter(|view| !view.lease_left.is_zero()) {
        let Some(membership) = view.membership else {
            continue;
        };
        let death = incarnations.death(&view.process.node, membership.incarnation);
        let Some(death) = death.filter(|death| death.reason == DownReason::LeaseEnded) else {
            continue;
        };
        let what = format!(
            "{} died at index {} as incarnation {}, and holds {:?} of its lease",
            view.process, death.index, membership.incarnation, view.lease_left
        );
        violations.add(at, DEATH, what);
    }
    let leaders: Vec<String> = views
        .values()
        .filter(|view| view.is_leader)
        .map(|view| format!("{} in term {}", view.process, view.term))
        .collect();
    if leaders.len() > 1 {
        violations.add(at, LEADER, leaders.join(" and "));
    }
}
