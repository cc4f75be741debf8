//! What a voter answers to the messages of Raft, one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use openraft::EntryPayload;
use openraft::entry::RaftEntry as _;
use raftwire_environment::{Environment, SimulatedDisk};
use raftwire_protocol::{NodeId, Session};
use sha2::{Digest as _, Sha256};

use super::RaftNode;
use crate::control_network::{CallError, ControlNetwork};
use crate::options::{RaftOptions, Storage, Timings};
use crate::status::Role;
use crate::type_config::{CommittedLeaderId, Entry, LogId, Membership, Seat, SnapshotMeta, Vote};
use crate::wire::request::{Append, Ballot, RequestKind, SnapshotChunk};
use crate::wire::response::{AppendResult, ResponseKind, SnapshotProgress, Voted};
use crate::wire::{encode_entry, encode_snapshot_meta};

const A: u64 = 1;
const C: u64 = 3;

/// Nobody is there.
#[derive(Debug)]
struct Silence;

#[async_trait]
impl ControlNetwork for Silence {
    async fn call(&self, _: &NodeId, _: Bytes, _: Duration) -> Result<Bytes, CallError> {
        Err(CallError::Unreachable)
    }
}

fn name(text: &str) -> NodeId {
    text.parse().expect("valid")
}

/// Node b of a, b, c; the others are this test.
async fn voter(disk: &SimulatedDisk, seed: u64) -> RaftNode {
    let options = RaftOptions {
        founding: vec![name("a"), name("c")],
        ..RaftOptions::new(
            "test",
            name("b"),
            Session::new(u128::from(seed)),
            Storage::Durable(PathBuf::from("/data")),
        )
    };
    let environment = Environment::simulated(seed, disk.clone());
    let node = RaftNode::open(options, environment).await.expect("opens");
    node.start(Arc::new(Silence)).await.expect("starts");
    node
}

async fn ask(node: &RaftNode, request: RequestKind) -> ResponseKind {
    let answer = node.handle(&name("a"), request.into_bytes()).await;
    ResponseKind::from_bytes(answer).expect("an answer")
}

fn ballot(node: &RaftNode, term: u64, candidate: u64) -> Ballot {
    Ballot {
        to: node.raft_id().get(),
        vote: (&Vote::new(term, candidate)).into(),
        last: None,
        leadership_transfer: false,
    }
}

async fn vote(node: &RaftNode, term: u64, candidate: u64) -> (bool, Vote) {
    match ask(node, RequestKind::Vote(ballot(node, term, candidate))).await {
        ResponseKind::Vote(Voted { granted, vote, .. }) => (granted, vote.into()),
        other => panic!("{other:?}"),
    }
}

fn log_id(term: u64, index: u64) -> LogId {
    LogId {
        leader_id: CommittedLeaderId::new(term),
        index,
    }
}

/// The membership entry at index 0, and blank ones after it.
fn entries(node: &RaftNode, terms: &[(u64, u64)]) -> Vec<Bytes> {
    let seats: BTreeMap<u64, Seat> = [(A, "a"), (node.raft_id().get(), "b"), (C, "c")]
        .map(|(raft_id, name)| {
            (
                raft_id,
                Seat {
                    node: name.to_owned(),
                },
            )
        })
        .into();
    let voters: BTreeSet<u64> = seats.keys().copied().collect();
    let membership = Membership::new(vec![voters], seats).expect("voters have seats");
    terms
        .iter()
        .map(|(term, index)| {
            let payload = match index {
                0 => EntryPayload::Membership(membership.clone()),
                _ => EntryPayload::Blank,
            };
            encode_entry(&Entry::new(log_id(*term, *index), payload)).into()
        })
        .collect()
}

async fn append(
    node: &RaftNode,
    leader: (u64, u64),
    previous: Option<LogId>,
    new: &[(u64, u64)],
) -> AppendResult {
    let append = Append {
        to: node.raft_id().get(),
        vote: (&Vote::new_committed(leader.0, leader.1)).into(),
        previous: previous.as_ref().map(Into::into),
        entries: entries(node, new),
        committed: None,
    };
    match ask(node, RequestKind::Append(append)).await {
        ResponseKind::Append(answer) => answer.result.expect("a result"),
        other => panic!("{other:?}"),
    }
}

async fn log(node: &RaftNode) -> Vec<(u64, u64)> {
    let inspection = node.inspect().await.expect("it runs");
    inspection
        .entries
        .iter()
        .map(|(index, term, _)| (*term, *index))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_term_has_one_vote_and_the_same_candidate_gets_it_again() {
    let disk = SimulatedDisk::new(1);
    let node = voter(&disk, 1).await;

    assert_eq!(
        vote(&node, 5, A).await,
        (true, Vote::new(5, A)),
        "a higher term is adopted"
    );
    assert_eq!(
        vote(&node, 5, C).await,
        (false, Vote::new(5, A)),
        "the vote is given"
    );
    assert_eq!(
        vote(&node, 5, A).await,
        (true, Vote::new(5, A)),
        "to the same again"
    );
    assert_eq!(
        vote(&node, 4, C).await,
        (false, Vote::new(5, A)),
        "a stale term learns of 5"
    );
}

#[tokio::test(start_paused = true)]
async fn a_vote_is_remembered_across_a_crash() {
    let disk = SimulatedDisk::new(2);
    let node = voter(&disk, 1).await;
    assert!(vote(&node, 5, A).await.0);

    drop(node);
    disk.crash();
    let node = voter(&disk, 2).await;

    let early = ask(&node, RequestKind::Vote(ballot(&node, 6, C))).await;
    assert!(matches!(early, ResponseKind::Refused(_)), "{early:?}");
    tokio::time::sleep(Timings::direct().election_max).await;
    assert_eq!(vote(&node, 5, C).await, (false, Vote::new(5, A)));
}

#[tokio::test(start_paused = true)]
async fn a_pre_vote_changes_nothing() {
    let disk = SimulatedDisk::new(3);
    let node = voter(&disk, 1).await;

    let answer = ask(&node, RequestKind::PreVote(ballot(&node, 9, A))).await;

    assert!(
        matches!(answer, ResponseKind::Vote(Voted { granted: true, .. })),
        "{answer:?}"
    );
    assert_eq!(node.inspect().await.expect("it runs").term, 0);
}

#[tokio::test(start_paused = true)]
async fn a_voter_that_hears_a_leader_gives_no_pre_vote() {
    let disk = SimulatedDisk::new(4);
    let node = voter(&disk, 1).await;
    append(&node, (5, A), None, &[(0, 0), (5, 1)]).await;

    let answer = ask(&node, RequestKind::PreVote(ballot(&node, 9, C))).await;

    assert!(
        matches!(answer, ResponseKind::Vote(Voted { granted: false, .. })),
        "{answer:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_leader_of_an_earlier_term_is_told_of_the_present_one() {
    let disk = SimulatedDisk::new(5);
    let node = voter(&disk, 1).await;
    append(&node, (5, A), None, &[(0, 0), (5, 1)]).await;
    append(&node, (6, C), Some(log_id(5, 1)), &[(6, 2)]).await;

    let result = append(&node, (5, A), Some(log_id(5, 1)), &[(5, 2)]).await;

    let AppendResult::HigherVote(higher) = result else {
        panic!("{result:?}")
    };
    assert_eq!(Vote::from(higher), Vote::new_committed(6, C));
    assert_eq!(log(&node).await, [(0, 0), (5, 1), (6, 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_suffix_that_conflicts_is_replaced() {
    let disk = SimulatedDisk::new(6);
    let node = voter(&disk, 1).await;
    append(&node, (5, A), None, &[(0, 0), (5, 1), (5, 2), (5, 3)]).await;

    let result = append(&node, (6, C), Some(log_id(5, 1)), &[(6, 2)]).await;

    assert!(matches!(result, AppendResult::Success(_)), "{result:?}");
    assert_eq!(log(&node).await, [(0, 0), (5, 1), (6, 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_late_duplicate_deletes_nothing() {
    let disk = SimulatedDisk::new(7);
    let node = voter(&disk, 1).await;
    append(&node, (5, A), None, &[(0, 0), (5, 1)]).await;
    append(&node, (5, A), Some(log_id(5, 1)), &[(5, 2), (5, 3)]).await;

    append(&node, (5, A), None, &[(0, 0), (5, 1)]).await;
    append(&node, (5, A), Some(log_id(5, 1)), &[(5, 2)]).await;

    assert_eq!(log(&node).await, [(0, 0), (5, 1), (5, 2), (5, 3)]);
}

#[tokio::test(start_paused = true)]
async fn entries_that_leave_a_hole_are_refused() {
    let disk = SimulatedDisk::new(8);
    let node = voter(&disk, 1).await;
    append(&node, (5, A), None, &[(0, 0), (5, 1)]).await;

    let result = append(&node, (5, A), Some(log_id(5, 7)), &[(5, 8)]).await;

    assert!(matches!(result, AppendResult::Conflict(_)), "{result:?}");
    assert_eq!(log(&node).await, [(0, 0), (5, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_for_the_data_that_was_lost_is_not_answered_with_a_vote() {
    let disk = SimulatedDisk::new(9);
    let node = voter(&disk, 1).await;
    let mut call = ballot(&node, 5, A);
    call.to = 4_711;

    let answer = ask(&node, RequestKind::Vote(call)).await;

    assert!(matches!(answer, ResponseKind::Refused(_)), "{answer:?}");
    assert_eq!(node.inspect().await.expect("it runs").term, 0);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fails_stops_the_node_with_a_reason() {
    let disk = SimulatedDisk::new(10);
    let node = voter(&disk, 1).await;
    append(&node, (5, A), None, &[(0, 0), (5, 1)]).await;

    disk.fail(raftwire_environment::Fault::SyncFails { nth: 1 });
    let call = Append {
        to: node.raft_id().get(),
        vote: (&Vote::new_committed(5, A)).into(),
        previous: Some((&log_id(5, 1)).into()),
        entries: entries(&node, &[(5, 2)]),
        committed: None,
    };
    let answer = ask(&node, RequestKind::Append(call)).await;

    assert!(
        matches!(answer, ResponseKind::Refused(_)),
        "nothing is answered for: {answer:?}"
    );
    let mut status = node.status();
    let stopped = status
        .wait_for(|status| status.role == Role::Stopped)
        .await
        .expect("it lives");
    assert!(stopped.problem.is_some(), "{stopped:?}");
    assert!(!node.is_leader());
}

/// The leader of this term sends a snapshot of all up to the second entry; the vote that is answered.
async fn send_snapshot(node: &RaftNode, leader: (u64, u64)) -> Vote {
    let progress = send_piece(node, leader, SNAPSHOT).await;
    progress.done.expect("it has it all").into()
}

const SNAPSHOT: &[u8] = b"never read";

/// The leader of this term sends the first piece of that snapshot.
async fn send_piece(node: &RaftNode, leader: (u64, u64), piece: &'static [u8]) -> SnapshotProgress {
    let meta = SnapshotMeta {
        last_log_id: Some(log_id(5, 2)),
        ..SnapshotMeta::default()
    };
    let chunk = SnapshotChunk {
        to: node.raft_id().get(),
        vote: (&Vote::new_committed(leader.0, leader.1)).into(),
        meta: encode_snapshot_meta(&meta).into(),
        digest: Bytes::copy_from_slice(&Sha256::digest(SNAPSHOT)),
        total: SNAPSHOT.len() as u64,
        offset: 0,
        data: Bytes::from_static(piece),
    };
    match ask(node, RequestKind::Snapshot(chunk)).await {
        ResponseKind::Snapshot(progress) => progress,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_sent_again_is_answered_with_the_vote_of_now() {
    let disk = SimulatedDisk::new(10);
    let node = voter(&disk, 1).await;
    append(&node, (5, A), None, &[(0, 0), (5, 1), (5, 2), (5, 3)]).await;
    let of_leader = Vote::new_committed(5, A);
    assert_eq!(send_snapshot(&node, (5, A)).await, of_leader);
    assert_eq!(send_snapshot(&node, (5, A)).await, of_leader);

    // The node follows another one meanwhile, of whom the old leader has not heard.
    append(&node, (7, C), Some(log_id(5, 3)), &[(7, 4)]).await;

    let answered = send_snapshot(&node, (5, A)).await;
    assert_eq!(answered, Vote::new_committed(7, C));
}

#[tokio::test(start_paused = true)]
async fn what_a_deposed_leader_sends_is_no_word_of_a_leader() {
    let disk = SimulatedDisk::new(11);
    let node = voter(&disk, 1).await;
    append(&node, (5, A), None, &[(0, 0), (5, 1), (5, 2)]).await;
    let piece = &SNAPSHOT[..3];
    let taken = send_piece(&node, (5, A), piece).await;
    assert_eq!((taken.received, taken.done), (3, None));
    append(&node, (7, C), Some(log_id(5, 2)), &[(7, 3)]).await;
    let shared = &node.running.get().expect("it runs").shared;
    let heard = || shared.hearing.leader.elapsed(shared.now());
    let pause = Duration::from_millis(200);

    tokio::time::sleep(pause).await;
    let refused = send_piece(&node, (5, A), piece).await;
    assert_eq!(
        refused.done.map(Vote::from),
        Some(Vote::new_committed(7, C))
    );
    assert_eq!(
        send_snapshot(&node, (5, A)).await,
        Vote::new_committed(7, C)
    );
    assert!(heard() >= pause, "{:?}", heard());

    let taken = send_piece(&node, (7, C), piece).await;
    assert_eq!((taken.received, taken.done), (3, None));
    assert!(heard() < pause, "{:?}", heard());
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_what_the_log_holds_leaves_the_log() {
    let disk = SimulatedDisk::new(9);
    let node = voter(&disk, 1).await;
    append(&node, (5, A), None, &[(0, 0), (5, 1), (5, 2), (5, 3)]).await;

    let vote = send_snapshot(&node, (5, A)).await;

    assert_eq!(vote, Vote::new_committed(5, A));
    assert_eq!(log(&node).await, [(0, 0), (5, 1), (5, 2), (5, 3)]);
    // What the leader covered is committed, so this node applies it.
    let mut status = node.status();
    while status.borrow_and_update().applied_index < 2 {
        status.changed().await.expect("it runs");
    }
}
