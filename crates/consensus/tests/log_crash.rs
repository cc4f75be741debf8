//! The log against a model, on a disk that crashes and fails: what was answered for is there
//! afterwards, and nothing is that was never written.
#![allow(clippy::unwrap_used)] // clippy knows tests, not their helpers

use std::{collections::BTreeMap, path::Path, sync::Arc};

use bytes::Bytes;
use proptest::prelude::*;
use raftwire_consensus::testing::log::{
    LogError, LogOpenError, Marks, Position, Record, SegmentLog, StoredEntry, Tail, Vote,
};
use raftwire_environment::{Fault, SimulatedDisk};

/// A few batches fill it.
const SEGMENT_BYTES: u64 = 400;

const DIR: &str = "/data/log";

/// What happens to the node, in terms that make sense in every state.
#[derive(Clone, Debug)]
enum Step {
    /// Commits these at once. If that fails the node starts again, after a loss of power or not.
    Commit(Vec<Change>, bool),
    /// The machine loses power, and starts again.
    Crash,
    /// The process is killed, and starts again.
    Kill,
    /// Something will go wrong.
    Fail(Fault),
}

#[derive(Clone, Debug)]
enum Change {
    Entries {
        count: u64,
        bytes: usize,
        next_term: bool,
    },
    Vote,
    Commit {
        part: u8,
    },
    Truncate {
        part: u8,
    },
    Purge {
        part: u8,
        beyond: bool,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (proptest::collection::vec(any_change(), 1..4), any::<bool>())
            .prop_map(|(changes, crash)| Step::Commit(changes, crash)),
        2 => Just(Step::Crash),
        2 => Just(Step::Kill),
        1 => any_fault().prop_map(Step::Fail),
    ]
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (1_u64..5, 0_usize..120, any::<bool>()).prop_map(|(count, bytes, next_term)| {
            Change::Entries { count, bytes, next_term }
        }),
        2 => Just(Change::Vote),
        2 => any::<u8>().prop_map(|part| Change::Commit { part }),
        1 => any::<u8>().prop_map(|part| Change::Truncate { part }),
        1 => (any::<u8>(), proptest::bool::weighted(0.2))
            .prop_map(|(part, beyond)| Change::Purge { part, beyond }),
    ]
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        (1_u64..4).prop_map(|nth| Fault::SyncFails { nth }),
        (1_u64..4).prop_map(|nth| Fault::AppendFails { nth }),
        (1_u64..4).prop_map(|nth| Fault::AppendTorn { nth }),
        (0_u64..500).prop_map(|after_bytes| Fault::DiskFull { after_bytes }),
    ]
}

/// What the log should hold. Written without a thought of files.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    marks: Marks,
    entries: BTreeMap<u64, (u64, Bytes)>,
}

impl Model {
    fn of(tail: &Tail) -> Model {
        let entries = tail.entries(..).map(|entry| {
            let Position { term, index } = entry.position;
            (index, (term, entry.bytes.clone()))
        });
        Model {
            marks: *tail.marks(),
            entries: entries.collect(),
        }
    }

    fn apply(&mut self, record: &Record) {
        let marks = &mut self.marks;
        match record {
            Record::Vote(vote) => marks.vote = Some(*vote),
            Record::Committed(committed) => marks.committed = *committed,
            Record::Entry(entry) => {
                let Position { term, index } = entry.position;
                self.entries.insert(index, (term, entry.bytes.clone()));
                marks.last = Some(entry.position);
            }
            Record::Truncate(after) => {
                self.entries
                    .retain(|index, _| after.is_some_and(|after| *index <= after.index));
                marks.last = *after;
            }
            Record::Purge(upto) => {
                self.entries.retain(|index, _| *index > upto.index);
                marks.purged = Some(*upto);
                if self.entries.is_empty() {
                    marks.last = Some(*upto);
                }
            }
        }
    }

    /// The records that `change` means in this state, which they are applied to.
    fn play(&mut self, change: &Change, records: &mut Vec<Record>) {
        let first_kept = self.marks.purged.map_or(0, |purged| purged.index + 1);
        let next = self.marks.last.map_or(0, |last| last.index + 1);
        let pick = |part: u8| first_kept + (next - first_kept) * u64::from(part) / 256;
        let term = self.marks.last.map_or(1, |last| last.term);
        let position = |index: u64| Position {
            term: self.entries.get(&index).map_or(term, |(term, _)| *term),
            index,
        };
        let added = match change {
            Change::Entries {
                count,
                bytes,
                next_term,
            } => (next..next + count)
                .map(|index| {
                    Record::Entry(StoredEntry {
                        position: Position {
                            term: term + u64::from(*next_term),
                            index,
                        },
                        bytes: vec![index as u8; *bytes].into(),
                    })
                })
                .collect(),
            Change::Vote => vec![Record::Vote(Vote {
                term: self.marks.vote.map_or(1, |vote| vote.term + 1),
                candidate: 7,
                granted: false,
            })],
            Change::Commit { .. }
            | Change::Truncate { .. }
            | Change::Purge { beyond: false, .. }
                if next == first_kept =>
            {
                vec![]
            }
            Change::Commit { part } => vec![Record::Committed(Some(position(pick(*part))))],
            Change::Truncate { part } => match pick(*part).checked_sub(1) {
                Some(after) if self.marks.purged.map(|purged| purged.index) == Some(after) => {
                    vec![Record::Truncate(self.marks.purged)]
                }
                Some(after) => vec![Record::Truncate(Some(position(after)))],
                None => vec![Record::Truncate(None)],
            },
            Change::Purge {
                part,
                beyond: false,
            } => vec![Record::Purge(position(pick(*part)))],
            Change::Purge { part, beyond: true } => {
                let index = next + u64::from(*part);
                vec![Record::Purge(Position {
                    term: term + 1,
                    index,
                })]
            }
        };
        for record in &added {
            self.apply(record);
        }
        records.extend(added);
    }
}

/// The node: a log, what it was told to keep, and what it answered for.
struct Node {
    disk: SimulatedDisk,
    log: SegmentLog,
    /// What was last answered for.
    answered: Model,
    /// The states after each record that was written later and not answered for.
    possible: Vec<Model>,
    is_broken: bool,
}

impl Node {
    fn new(seed: u64) -> Node {
        let disk = SimulatedDisk::new(seed);
        SegmentLog::create(&disk.attach(), Path::new(DIR)).unwrap();
        let (log, _) = open(&disk).unwrap();
        Node {
            disk,
            log,
            answered: Model::default(),
            possible: Vec::new(),
            is_broken: false,
        }
    }

    fn commit(&mut self, changes: &[Change], crash: bool) {
        let mut state = self.answered.clone();
        let mut records = Vec::new();
        for change in changes {
            state.play(change, &mut records);
        }
        match self.log.commit(&records) {
            Ok(()) => self.answered = state,
            Err(error) => {
                let mut state = self.answered.clone();
                for record in &records {
                    state.apply(record);
                    self.possible.push(state.clone());
                }
                let again = self.log.commit(&[]).unwrap_err();
                assert_eq!(again.to_string(), error.to_string());
                self.disk.heal();
                self.is_broken = is_of_a_folder(&error);
                self.restart(crash);
            }
        }
    }

    /// Starts again, after a loss of power if `crash`. A folder that could not be synced stays
    /// broken until then on the simulated disk.
    fn restart(&mut self, crash: bool) {
        let mut crash = crash || self.is_broken;
        let tail = loop {
            if crash {
                self.disk.crash();
            } else {
                self.disk.kill();
            }
            self.is_broken = false;
            match open(&self.disk) {
                Ok((log, tail)) => {
                    self.log = log;
                    break tail;
                }
                // A fault that struck while it started.
                Err(LogOpenError::Disk(error)) => {
                    self.disk.heal();
                    crash = error.path == Path::new(DIR);
                }
                Err(error) => panic!("not opened: {error}"),
            }
        };
        let recovered = Model::of(&tail);
        assert!(
            recovered == self.answered || self.possible.contains(&recovered),
            "recovered {recovered:#?}\nanswered for {:#?}",
            self.answered
        );
        self.answered = recovered;
        self.possible.clear();
    }
}

fn open(disk: &SimulatedDisk) -> Result<(SegmentLog, Tail), LogOpenError> {
    SegmentLog::open(Arc::new(disk.attach()), Path::new(DIR), SEGMENT_BYTES)
}

fn is_of_a_folder(error: &LogError) -> bool {
    matches!(error, LogError::Disk(error) if error.path == Path::new(DIR))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_was_answered_for_is_there_after_any_crash(
        seed in any::<u64>(),
        steps in proptest::collection::vec(any_step(), 1..60),
    ) {
        let mut node = Node::new(seed);
        for step in &steps {
            match step {
                Step::Commit(changes, crash) => node.commit(changes, *crash),
                Step::Crash => node.restart(true),
                Step::Kill => node.restart(false),
                Step::Fail(fault) => node.disk.fail(*fault),
            }
        }
        node.disk.heal();
        node.restart(true);
    }
}
