use std::collections::BTreeSet;

use proptest::prelude::*;
use raftwire_protocol::{RaftId, Session};

use super::*;
use crate::command::{Command, Found, Join};
use crate::state::WireVersions;

/// Room for one row at least, and for hardly more.
const NARROW: usize = 1;

/// Room for everything.
const WIDE: usize = 1 << 20;

fn node(number: u8) -> NodeId {
    format!("n{number:03}").parse().expect("valid")
}

/// A log that is applied step by step.
#[derive(Clone)]
struct Voter {
    state: ClusterState,
}

impl Voter {
    fn new() -> Voter {
        let mut voter = Voter {
            state: ClusterState::default(),
        };
        voter.apply(&Command::Found(Found {
            cluster_id: 7,
            lease_ms: 5_000,
            founding: vec![node(0)],
            ephemeral: false,
            names_max: crate::state::NAMES_MAX_DEFAULT,
        }));
        voter
    }

    fn apply(&mut self, command: &Command) {
        let index = self.state.applied_index + 1;
        self.state.apply(1, index, Some(command)).expect("known");
    }

    /// Joins, or comes back under a new session.
    fn join(&mut self, number: u8) {
        let row = self.state.members.get(&node(number));
        let incarnation = row.map(|row| row.incarnation);
        let session = self.state.applied_index.into();
        self.apply(&Command::Join(Join {
            node: node(number),
            raft_id: RaftId::new(number.into()),
            session: Session::new(session),
            expected: incarnation,
            address: Some("somewhere:5000".to_owned()),
            ephemeral: false,
            edge: false,
            versions: WireVersions::CURRENT,
            cluster: None,
        }));
    }

    fn leave(&mut self, number: u8) {
        if let Some(incarnation) = self.incarnation(number) {
            let node = node(number);
            self.apply(&Command::Leave { node, incarnation });
        }
    }

    fn remove(&mut self, number: u8) {
        if let Some(incarnation) = self.incarnation(number) {
            let node = node(number);
            self.apply(&Command::Remove { node, incarnation });
        }
    }

    fn incarnation(&self, number: u8) -> Option<raftwire_protocol::Incarnation> {
        let row = self.state.members.get(&node(number))?;
        Some(row.incarnation)
    }
}

/// Asks until there is a state of one index.
fn follow(edge: &mut FeedCollector, voter: &Voter, bytes_max: usize) -> ClusterState {
    for _ in 0..1_000 {
        if let Some(state) = ask(edge, voter, bytes_max) {
            return state;
        }
    }
    panic!("the pages have no end");
}

fn ask(edge: &mut FeedCollector, voter: &Voter, bytes_max: usize) -> Option<ClusterState> {
    let (known, after) = edge.question();
    let page = FeedPage::of(&voter.state, known, after, bytes_max);
    match edge.take(page).expect("a page is what was encoded") {
        Collected::State(state) => Some(Arc::unwrap_or_clone(state)),
        Collected::More => None,
        other => panic!("{other:?}"),
    }
}

/// A log that these have joined, and an edge that knows all of it.
fn followed(members: std::ops::Range<u8>) -> (Voter, FeedCollector) {
    let mut voter = Voter::new();
    members.for_each(|number| voter.join(number));
    let mut edge = FeedCollector::default();
    follow(&mut edge, &voter, WIDE);
    (voter, edge)
}

/// What an edge has to have: everything but the slots to give away.
fn expected(voter: &Voter) -> ClusterState {
    ClusterState {
        fed: true,
        freed_slots: std::collections::BTreeMap::new(),
        names: Names::default(),
        ..voter.state.clone()
    }
}

#[test]
fn a_new_edge_gets_the_whole_set_in_pages() {
    let mut voter = Voter::new();
    (0..20).for_each(|number| voter.join(number));
    let mut edge = FeedCollector::default();

    let state = follow(&mut edge, &voter, NARROW);

    assert_eq!(state, expected(&voter));
    assert!(state.is_fed());
}

#[test]
fn later_only_what_changed_is_told() {
    let (mut voter, mut edge) = followed(0..20);

    voter.leave(3);
    voter.join(4);
    voter.join(30);
    let (known, after) = edge.question();
    let page = FeedPage::of(&voter.state, known, after, WIDE);
    let told = decode_state(page.bytes.clone()).expect("a page");

    let told: BTreeSet<NodeId> = told.members.into_keys().collect();
    assert_eq!(told, BTreeSet::from([node(3), node(4), node(30)]));
    assert_eq!(follow(&mut edge, &voter, WIDE), expected(&voter));
}

#[test]
fn an_index_goes_on_though_nothing_changed() {
    let (mut voter, mut edge) = followed(1..2);

    let before = voter.state.clone();
    voter.leave(9);
    voter.state.applied_index += 5;
    let state = follow(&mut edge, &voter, WIDE);

    assert_eq!(state.applied_index, before.applied_index + 5);
    assert_eq!(state.members, before.members);
}

#[test]
fn a_removed_row_goes() {
    let (mut voter, mut edge) = followed(0..4);

    voter.leave(2);
    voter.remove(2);
    let state = follow(&mut edge, &voter, WIDE);

    assert!(!state.members.contains_key(&node(2)));
    assert_eq!(state, expected(&voter));
}

#[test]
fn a_row_that_came_back_after_its_removal_stays() {
    let (mut voter, mut edge) = followed(0..4);

    voter.leave(2);
    voter.remove(2);
    voter.join(2);
    let state = follow(&mut edge, &voter, WIDE);

    assert_eq!(state, expected(&voter));
}

#[test]
fn who_has_missed_more_removals_than_are_remembered_gets_the_whole_set() {
    let (mut voter, mut edge) = followed(0..60);

    for number in 0..50 {
        voter.leave(number);
        voter.remove(number);
    }

    assert_eq!(follow(&mut edge, &voter, NARROW), expected(&voter));
}

#[test]
fn a_source_that_is_behind_is_told_from_one_that_has_nothing_new() {
    let mut voter = Voter::new();
    voter.join(1);
    let behind = voter.clone();
    voter.join(2);
    let mut edge = FeedCollector::default();
    follow(&mut edge, &voter, WIDE);

    let (known, after) = edge.question();
    let page = FeedPage::of(&behind.state, known, after, WIDE);

    assert_eq!(edge.take(page), Ok(Collected::Behind));
    assert_eq!(follow(&mut edge, &voter, WIDE), expected(&voter));
}

#[test]
fn another_cluster_is_not_followed() {
    let (mut voter, mut edge) = followed(1..2);

    voter.state.cluster_id = Some(8);
    let (known, after) = edge.question();
    let page = FeedPage::of(&voter.state, known, after, WIDE);

    assert_eq!(edge.take(page), Ok(Collected::OtherCluster));
}

#[test]
fn damaged_pages_change_nothing() {
    let mut voter = Voter::new();
    voter.join(1);
    let mut edge = FeedCollector::default();
    let before = edge.question();
    let page = FeedPage {
        bytes: Bytes::from_static(b"\x01\xff\xff"),
        full: true,
        more_after: None,
    };
    assert_eq!(before, (0, None));

    assert!(edge.take(page).is_err());

    assert_eq!(follow(&mut edge, &voter, WIDE), expected(&voter));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Join(u8),
    Leave(u8),
    Remove(u8),
    /// One question, answered by pages of so many bytes, whose answer may be lost.
    Ask {
        bytes_max: usize,
        lost: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..24_u8).prop_map(Step::Join),
        2 => (0..24_u8).prop_map(Step::Leave),
        2 => (0..24_u8).prop_map(Step::Remove),
        4 => (1..400_usize, prop::bool::weighted(0.3))
            .prop_map(|(bytes_max, lost)| Step::Ask { bytes_max, lost }),
    ]
}

proptest! {
    #[test]
    fn every_state_that_the_feed_makes_is_one_of_the_log(
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut voter = Voter::new();
        let mut history = vec![expected(&voter)];
        let mut edge = FeedCollector::default();
        let mut last = 0;
        for step in steps {
            match step {
                Step::Join(number) => voter.join(number),
                Step::Leave(number) => voter.leave(number),
                Step::Remove(number) => voter.remove(number),
                Step::Ask { lost: true, .. } => {}
                Step::Ask { bytes_max, .. } => {
                    if let Some(state) = ask(&mut edge, &voter, bytes_max) {
                        prop_assert!(state.applied_index >= last);
                        last = state.applied_index;
                        prop_assert!(history.contains(&state), "no state of the log: {:?}", state);
                    }
                }
            }
            history.push(expected(&voter));
        }
        prop_assert_eq!(follow(&mut edge, &voter, WIDE), expected(&voter));
    }
}
