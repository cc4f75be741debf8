//! What the state becomes by which commands.

mod bytes;
mod ends;
mod events;
mod joins;
mod versions;

use std::time::Duration;

use raftwire_protocol::{Incarnation, NodeId, RaftId, Session};

use super::apply::{ADDRESS_BYTES_MAX, SLOTS_MAX};
use super::*;
use crate::command::{Command, Found, Join, Outcome};

fn node(number: u64) -> NodeId {
    format!("n{number}").parse().expect("valid")
}

/// A cluster of which n1 and n2 are to be the first members.
fn founded() -> ClusterState {
    let mut state = ClusterState::default();
    let found = Found {
        cluster_id: 77,
        lease_ms: 5_000,
        founding: vec![node(1), node(2)],
        ephemeral: false,
        names_max: crate::state::NAMES_MAX_DEFAULT,
    };
    let outcome = state.apply(1, 1, Some(&Command::Found(found)));
    assert_eq!(outcome, Ok(Outcome::Changed));
    state
}

fn join_of(number: u64, raft_id: u64, session: u128, expected: Option<Incarnation>) -> Join {
    Join {
        node: node(number),
        raft_id: RaftId::new(raft_id),
        session: Session::new(session),
        expected,
        address: Some("host:1".to_owned()),
        ephemeral: false,
        edge: false,
        versions: WireVersions::CURRENT,
        cluster: None,
    }
}

fn join(state: &mut ClusterState, join: Join) -> Result<Membership, JoinRefusal> {
    let index = state.applied_index + 1;
    match state
        .apply(1, index, Some(&Command::Join(join)))
        .expect("known")
    {
        Outcome::Joined(membership) => Ok(membership),
        Outcome::JoinRefused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

/// Applies in term 3 what may end a member.
fn end(state: &mut ClusterState, command: Command) -> Outcome {
    let index = state.applied_index + 1;
    state.apply(3, index, Some(&command)).expect("known")
}

fn death(number: u64, incarnation: Incarnation, term: u64) -> Command {
    Command::DeclareDead {
        node: node(number),
        incarnation,
        term,
    }
}

fn remove(state: &mut ClusterState, number: u64, incarnation: Incarnation) -> Outcome {
    let node = node(number);
    end(state, Command::Remove { node, incarnation })
}

/// The hash of a state, as it is written down.
pub(super) fn digest(state: &ClusterState) -> String {
    let bytes = state.hash();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_unknown_command_is_an_error_and_changes_nothing() {
    let mut state = founded();
    let before = state.clone();

    let result = state.apply(1, 2, Some(&Command::Unknown(vec![1].into())));

    assert_eq!(result, Err(UnknownCommand { index: 2 }));
    assert_eq!(state, before);
}
