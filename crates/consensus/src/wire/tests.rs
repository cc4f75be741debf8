use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::entry::RaftEntry as _;
use proptest::prelude::*;
use raftwire_protocol::{Incarnation, MintedId, Name, NodeId, RaftId, Session};

use super::request::RequestKind;
use super::response::{ResponseKind, RowRecord};
use super::*;
use crate::command::{
    BatchRefusal, Command, Found, Join, NameOperation, NamePolicy, NameResult, NamesAnswer,
    NamesBatch, Outcome,
};
use crate::state::{NameRow, WireVersions};
use crate::type_config::{
    CommittedLeaderId, Entry, LogId, Membership, Seat, SnapshotMeta, StoredMembership, Vote,
};

fn node_id() -> impl Strategy<Value = NodeId> {
    "[A-Za-z0-9._-]{1,64}".prop_filter_map("not a node id", |text| text.parse().ok())
}

fn command() -> impl Strategy<Value = Command> {
    let found = (
        any::<u128>(),
        any::<u64>(),
        prop::collection::vec(node_id(), 0..8),
        any::<bool>(),
        any::<u64>(),
    )
        .prop_map(|(cluster_id, lease_ms, founding, ephemeral, names_max)| {
            Command::Found(Found {
                cluster_id,
                lease_ms,
                founding,
                ephemeral,
                names_max,
            })
        });
    let versions = (1..9_u32, 1..9_u32).prop_map(|(min, max)| WireVersions { min, max });
    let join = (
        node_id(),
        any::<u64>(),
        any::<u128>(),
        any::<Option<u64>>(),
        any::<Option<String>>(),
        any::<(bool, bool)>(),
        (versions, any::<Option<u128>>()),
    )
        .prop_map(
            |(node, raft_id, session, expected, address, kinds, (versions, cluster))| {
                Command::Join(Join {
                    node,
                    raft_id: RaftId::new(raft_id),
                    session: Session::new(session),
                    expected: expected.map(Incarnation::new),
                    address,
                    ephemeral: kinds.0,
                    edge: kinds.1,
                    versions,
                    cluster,
                })
            },
        );
    let dead = (node_id(), any::<u64>(), any::<u64>()).prop_map(|(node, incarnation, term)| {
        Command::DeclareDead {
            node,
            incarnation: Incarnation::new(incarnation),
            term,
        }
    });
    let leave = (node_id(), any::<u64>()).prop_map(|(node, incarnation)| Command::Leave {
        node,
        incarnation: Incarnation::new(incarnation),
    });
    let remove = (node_id(), any::<u64>()).prop_map(|(node, incarnation)| Command::Remove {
        node,
        incarnation: Incarnation::new(incarnation),
    });
    let raise = any::<u32>().prop_map(|version| Command::RaiseWireVersion { version });
    let sweep =
        (any::<u64>(), any::<u32>()).prop_map(|(incarnation, rows_max)| Command::SweepNames {
            incarnation: Incarnation::new(incarnation),
            rows_max,
        });
    prop_oneof![
        found,
        join,
        dead,
        leave,
        names_batch(),
        sweep,
        remove,
        raise
    ]
}

fn name() -> impl Strategy<Value = Name> {
    ".{1,64}".prop_filter_map("not a name", |text| text.parse().ok())
}

fn name_operation() -> impl Strategy<Value = NameOperation> {
    let register =
        (name(), any::<[u8; 16]>(), any::<bool>()).prop_map(|(name, connection, if_free)| {
            NameOperation::Register {
                name,
                connection: MintedId::from_bytes(connection),
                policy: if if_free {
                    NamePolicy::IfFree
                } else {
                    NamePolicy::TakeOver
                },
            }
        });
    let unregister =
        (name(), any::<u64>()).prop_map(|(name, epoch)| NameOperation::Unregister { name, epoch });
    prop_oneof![register, unregister]
}

fn names_batch() -> impl Strategy<Value = Command> {
    (
        node_id(),
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        prop::collection::vec(name_operation(), 0..5),
    )
        .prop_map(
            |(node, incarnation, number, acknowledged_lost, operations)| {
                Command::Names(NamesBatch {
                    node,
                    incarnation: Incarnation::new(incarnation),
                    number,
                    acknowledged_lost,
                    operations,
                })
            },
        )
}

fn name_result() -> impl Strategy<Value = NameResult> {
    prop_oneof![
        Just(NameResult::Registered),
        node_id().prop_map(NameResult::Taken),
        Just(NameResult::Full),
        Just(NameResult::Unregistered),
        Just(NameResult::NotHeld),
        Just(NameResult::Repeated),
    ]
}

fn membership() -> impl Strategy<Value = Membership> {
    (
        prop::collection::btree_map(any::<u64>(), ".{0,70}", 1..6),
        any::<u64>(),
    )
        .prop_map(|(seats, mask)| {
            let ids: Vec<u64> = seats.keys().copied().collect();
            let voters: BTreeSet<u64> = ids
                .iter()
                .enumerate()
                .filter(|(at, _)| *at == 0 || mask >> at & 1 == 1)
                .map(|(_, id)| *id)
                .collect();
            let seats: BTreeMap<u64, Seat> = seats
                .into_iter()
                .map(|(id, node)| (id, Seat { node }))
                .collect();
            Membership::new(vec![voters], seats).expect("voters have seats")
        })
}

fn log_id() -> impl Strategy<Value = LogId> {
    (any::<u64>(), any::<u64>()).prop_map(|(term, index)| LogId {
        leader_id: CommittedLeaderId::new(term),
        index,
    })
}

fn entry() -> impl Strategy<Value = Entry> {
    let payload = prop_oneof![
        Just(EntryPayload::Blank),
        command().prop_map(EntryPayload::Normal),
        membership().prop_map(EntryPayload::Membership),
    ];
    (log_id(), payload).prop_map(|(log_id, payload)| Entry::new(log_id, payload))
}

proptest! {
    #[test]
    fn an_entry_is_its_bytes(entry in entry()) {
        prop_assert_eq!(decode_entry(&encode_entry(&entry)), Ok(entry));
    }

    #[test]
    fn a_command_is_its_bytes(command in command()) {
        prop_assert_eq!(decode_command(encode_command(&command)), Ok(command));
    }

    #[test]
    fn an_answer_to_a_batch_of_names_is_its_bytes(
        number: u64,
        index: u64,
        results in prop::collection::vec(name_result(), 0..9),
        last: Option<u64>,
    ) {
        let refusal = last.map_or(BatchRefusal::NotMember, |last| BatchRefusal::Number { last });
        let answer = NamesAnswer { number, index, results };
        for outcome in [Outcome::Names(answer.into()), Outcome::NamesRefused(refusal)] {
            let bytes = ResponseKind::Propose((&outcome).into()).into_bytes();
            let Ok(ResponseKind::Propose(proposed)) = ResponseKind::from_bytes(bytes) else {
                panic!("another answer");
            };
            let decoded = proposed.outcome.map(Outcome::try_from);
            prop_assert_eq!(decoded, Some(Ok(outcome)));
        }
    }

    #[test]
    fn a_row_is_its_record(connection: [u8; 16], epoch: u64, incarnation in 1_u64..) {
        let row = NameRow {
            connection: MintedId::from_bytes(connection),
            epoch,
            incarnation: Incarnation::new(incarnation),
        };
        for row in [Some(row), None] {
            prop_assert_eq!(Option::<NameRow>::from(RowRecord::from(row)), row);
        }
    }

    #[test]
    fn a_vote_is_its_bytes(term: u64, candidate: u64, committed: bool) {
        let mut vote = Vote::new(term, candidate);
        vote.committed = committed;
        prop_assert_eq!(decode_vote(&encode_vote(&vote)), Ok(vote));
    }

    #[test]
    fn what_a_snapshot_covers_is_its_bytes(
        last in prop::option::of(log_id()),
        since in prop::option::of(log_id()),
        membership in membership(),
    ) {
        let meta = SnapshotMeta {
            last_log_id: last,
            last_membership: StoredMembership::new(since, membership),
        };
        prop_assert_eq!(decode_snapshot_meta(&encode_snapshot_meta(&meta)), Ok(meta));
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(mut bytes: Vec<u8>, known_format: bool) {
        if known_format && let Some(first) = bytes.first_mut() {
            *first = FORMAT;
        }
        let _ = decode_entry(&bytes);
        let _ = decode_vote(&bytes);
        let _ = decode_log_id(&bytes);
        let _ = decode_snapshot_meta(&bytes);
        let _ = crate::state::decode_state(bytes.clone().into());
        let bytes = Bytes::from(bytes);
        let _ = decode_command(bytes.clone());
        let _ = RequestKind::from_bytes(bytes.clone());
        let _ = ResponseKind::from_bytes(bytes);
    }
}

#[test]
fn the_largest_commands_fit_into_an_entry() {
    let longest: Vec<NodeId> = (10..74)
        .map(|at| format!("{at}{}", "x".repeat(62)).parse().expect("valid"))
        .collect();
    let found = Command::Found(Found {
        cluster_id: u128::MAX,
        lease_ms: u64::MAX,
        founding: longest.clone(),
        ephemeral: true,
        names_max: crate::state::NAMES_MAX_DEFAULT,
    });
    let seats: BTreeMap<u64, Seat> = longest
        .iter()
        .enumerate()
        .map(|(at, node)| {
            (
                u64::MAX - at as u64,
                Seat {
                    node: node.as_str().to_owned(),
                },
            )
        })
        .collect();
    let voters: BTreeSet<u64> = seats.keys().rev().take(5).copied().collect();
    let joint = Membership::new(vec![voters.clone(), voters], seats).expect("voters have seats");

    let log_id = LogId {
        leader_id: CommittedLeaderId::new(u64::MAX),
        index: u64::MAX,
    };
    for payload in [EntryPayload::Normal(found), EntryPayload::Membership(joint)] {
        let bytes = encode_entry(&Entry::new(log_id, payload));
        assert!(bytes.len() <= ENTRY_BYTES_MAX, "{} bytes", bytes.len());
    }
}

#[test]
fn a_later_format_is_named() {
    assert_eq!(decode_vote(&[9, 1, 2]), Err(WireError::Format(9)));
    assert_eq!(decode_vote(&[]), Err(WireError::Empty));
}

#[test]
fn a_command_of_a_later_version_is_kept_byte_for_byte() {
    // Field 13, a message: a kind that this version does not know. And an operation on names of
    // kind 9.
    let kind: &[u8] = &[0x6a, 0x02, 0x08, 0x01];
    let operation: &[u8] = &[42, 9, 10, 1, b'n', 42, 4, 10, 0, 16, 9];
    let name: &[u8] = &[42, 10, 10, 1, b'n', 42, 5, 10, 1, b'x', 16, 9];
    assert!(
        decode_command(Bytes::from_static(operation)).is_err(),
        "its name is empty"
    );
    for later in [kind, name].map(Bytes::from_static) {
        let command = decode_command(later.clone()).expect("an entry all the same");

        assert_eq!(command, Command::Unknown(later.clone()));
        assert_eq!(encode_command(&command), later);
    }
}

#[test]
fn the_bytes_of_a_batch_of_names_are_those_of_the_first_version() {
    let batch = Command::Names(NamesBatch {
        node: "n1".parse().expect("valid"),
        incarnation: Incarnation::new(4),
        number: 3,
        acknowledged_lost: 2,
        operations: vec![
            NameOperation::Register {
                name: "a".parse().expect("valid"),
                connection: MintedId::from_bytes([1, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 4]),
                policy: NamePolicy::IfFree,
            },
            NameOperation::Unregister {
                name: "b".parse().expect("valid"),
                epoch: 300,
            },
        ],
    });

    let bytes = encode_command(&batch);

    let head = [42, 45, 10, 2, b'n', b'1', 16, 4, 24, 3, 32, 2];
    let high = [25, 2, 0, 0, 0, 0, 0, 0, 1];
    let low = [33, 4, 0, 0, 0, 0, 0, 0, 3];
    let register = [&[42, 23, 10, 1, b'a', 16, 2][..], &high, &low].concat();
    let unregister = [42, 8, 10, 1, b'b', 16, 3, 40, 172, 2];
    assert_eq!(bytes, [&head[..], &register, &unregister].concat());
}

#[test]
fn the_bytes_of_an_entry_are_those_of_the_first_version() {
    let log_id = LogId {
        leader_id: CommittedLeaderId::new(3),
        index: 300,
    };
    let join = Command::Join(Join {
        node: "n1".parse().expect("valid"),
        raft_id: RaftId::new(7),
        session: Session::new(1),
        expected: Some(Incarnation::new(5)),
        address: Some("h:1".to_owned()),
        ephemeral: true,
        edge: false,
        versions: WireVersions::CURRENT,
        cluster: None,
    });

    let bytes = encode_entry(&Entry::new(log_id, EntryPayload::Normal(join)));

    let head = [
        1, 10, 5, 8, 3, 16, 172, 2, 26, 35, 18, 33, 10, 2, b'n', b'1', 16, 7, 26, 16,
    ];
    let session = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let tail = [32, 5, 42, 3, b'h', b':', b'1', 48, 1];
    assert_eq!(bytes, [&head[..], &session, &tail].concat());
}
