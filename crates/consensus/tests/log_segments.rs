//! Segments come and go, and their bytes stay what they were.
#![allow(clippy::unwrap_used)] // clippy knows tests, not their helpers

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use raftwire_consensus::testing::log::{
    BATCH_BYTES_MAX, Position, Record, SegmentLog, SnapshotError, SnapshotFiles, StoredEntry,
    StoredSnapshot, Tail, Vote,
};
use raftwire_environment::{Disk, Fault, SimulatedDisk};

const DIR: &str = "/data/log";
const FIRST: &str = "/data/log/0000000000000001.segment";

fn entry(index: u64, bytes: usize) -> Record {
    Record::Entry(StoredEntry {
        position: Position { term: 1, index },
        bytes: vec![0x33; bytes].into(),
    })
}

fn purge(index: u64) -> Record {
    Record::Purge(Position { term: 1, index })
}

fn open(disk: &SimulatedDisk, segment_bytes: u64) -> (SegmentLog, Tail) {
    SegmentLog::create(&disk.attach(), Path::new(DIR)).unwrap();
    SegmentLog::open(Arc::new(disk.attach()), Path::new(DIR), segment_bytes).unwrap()
}

fn names(disk: &SimulatedDisk) -> Vec<String> {
    disk.list(Path::new(DIR)).unwrap()
}

fn indexes(tail: &Tail) -> Vec<u64> {
    tail.entries(..).map(|entry| entry.position.index).collect()
}

#[test]
fn a_full_segment_gets_a_successor_and_all_are_read_again() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk, 300);
    for index in 0..10 {
        log.commit(&[entry(index, 50)]).unwrap();
    }
    disk.crash();

    assert_eq!(names(&disk).len(), 4);
    assert_eq!(indexes(&open(&disk, 300).1), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_purge_removes_the_segments_that_nothing_needs() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk, 300);
    for index in 0..10 {
        log.commit(&[entry(index, 50)]).unwrap();
    }

    log.commit(&[purge(1)]).unwrap();
    assert_eq!(names(&disk)[0], "0000000000000001.segment");
    log.commit(&[purge(2)]).unwrap();
    assert_eq!(names(&disk)[0], "0000000000000002.segment");
    log.commit(&[purge(9)]).unwrap();
    assert_eq!(names(&disk).len(), 1);
    disk.crash();

    let (mut log, tail) = open(&disk, 300);
    assert_eq!(indexes(&tail), [0; 0]);
    assert_eq!(tail.marks().purged, Some(Position { term: 1, index: 9 }));
    assert_eq!(tail.marks().last, tail.marks().purged);
    log.commit(&[entry(10, 50)]).unwrap();
    assert_eq!(indexes(&open(&disk, 300).1), [10]);
}

#[test]
fn one_commit_is_one_sync_unless_it_is_larger_than_a_batch() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk, u64::MAX);
    let many: Vec<Record> = (0..64).map(|index| entry(index, 100)).collect();
    disk.fail(Fault::SyncFails { nth: 2 });

    log.commit(&many).unwrap();
    log.commit(&[entry(64, 100)]).unwrap_err();

    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk, u64::MAX);
    let large: Vec<Record> = (0..3)
        .map(|index| entry(index, BATCH_BYTES_MAX / 2))
        .collect();
    disk.fail(Fault::SyncFails { nth: 3 });
    log.commit(&large).unwrap_err();
    disk.heal();
    disk.kill();
    assert_eq!(indexes(&open(&disk, u64::MAX).1), [0, 1, 2]);
}

#[test]
fn starting_again_and_again_leaves_one_segment() {
    let disk = SimulatedDisk::new(1);
    for index in 0..5 {
        let (mut log, _) = open(&disk, u64::MAX);
        log.commit(&[entry(index, 10)]).unwrap();
        disk.crash();
    }

    assert_eq!(names(&disk), ["0000000000000001.segment"]);
}

#[test]
fn the_bytes_of_a_segment_are_those_of_the_first_version() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk, u64::MAX);
    let entry = |term, index, bytes: &'static [u8]| {
        Record::Entry(StoredEntry {
            position: Position { term, index },
            bytes: Bytes::from_static(bytes),
        })
    };
    let vote = |granted| {
        Record::Vote(Vote {
            term: 2,
            candidate: 0xA1B2,
            granted,
        })
    };
    log.commit(&[vote(false)]).unwrap();
    log.commit(&[
        vote(true),
        entry(1, 0, b"first"),
        entry(1, 1, b"cut off"),
        Record::Truncate(Some(Position { term: 1, index: 0 })),
        entry(2, 1, b""),
        Record::Committed(Some(Position { term: 1, index: 0 })),
        Record::Committed(None),
        Record::Purge(Position { term: 1, index: 0 }),
        Record::Truncate(Some(Position { term: 2, index: 1 })),
    ])
    .unwrap();

    let written = disk.read(Path::new(FIRST)).unwrap();

    assert_eq!(hex(&written), golden(include_str!("golden/segment_1.hex")));
}

#[test]
fn a_head_that_repeats_everything_is_that_of_the_first_version() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk, 100);
    let vote = Vote {
        term: 3,
        candidate: 5,
        granted: true,
    };
    log.commit(&[
        Record::Vote(vote),
        entry(0, 8),
        entry(1, 8),
        Record::Committed(Some(Position { term: 1, index: 1 })),
        purge(0),
    ])
    .unwrap();
    log.commit(&[entry(2, 8)]).unwrap();

    let path = Path::new("/data/log/0000000000000002.segment");
    let written = disk.read(path).unwrap();

    assert_eq!(hex(&written), golden(include_str!("golden/segment_2.hex")));
}

fn snapshot(state: &'static str) -> StoredSnapshot {
    StoredSnapshot {
        covered: Some(41),
        description: Bytes::from_static(b"description"),
        state: Bytes::from_static(state.as_bytes()),
    }
}

fn snapshots(disk: &SimulatedDisk) -> SnapshotFiles {
    SnapshotFiles::open(Arc::new(disk.attach()), Path::new("/data/snapshot")).unwrap()
}

#[test]
fn the_newest_snapshot_is_kept_alone() {
    let disk = SimulatedDisk::new(1);
    let mut files = snapshots(&disk);
    assert_eq!(files.load().unwrap(), None);

    for state in ["one", "two", "three"] {
        files.save(&snapshot(state)).unwrap();
    }
    disk.crash();

    assert_eq!(snapshots(&disk).load().unwrap(), Some(snapshot("three")));
    assert_eq!(
        disk.list(Path::new("/data/snapshot")).unwrap(),
        ["0000000000000003.snapshot"]
    );
}

#[test]
fn a_snapshot_is_there_or_the_one_before_it_is_after_any_crash() {
    for seed in 0..200 {
        let disk = SimulatedDisk::new(seed);
        let mut files = snapshots(&disk);
        files.save(&snapshot("one")).unwrap();
        disk.fail(Fault::SyncFails { nth: 1 + seed % 2 });
        files.save(&snapshot("two")).unwrap_err();
        disk.crash();

        let loaded = snapshots(&disk).load().unwrap().unwrap();

        assert!(["one", "two"].map(snapshot).contains(&loaded));
    }
}

#[test]
fn a_damaged_snapshot_is_refused_wherever_it_is_damaged() {
    let path = Path::new("/data/snapshot/0000000000000001.snapshot");
    let length = 28 + 11 + 5;
    for offset in 0..length {
        let disk = SimulatedDisk::new(1);
        snapshots(&disk).save(&snapshot("state")).unwrap();
        disk.damage(path, offset).unwrap();

        let error = snapshots(&disk).load().unwrap_err();

        let is_format = (8..12).contains(&offset);
        assert!(match error {
            SnapshotError::Damaged { .. } => !is_format,
            SnapshotError::Format { .. } => is_format,
            _ => false,
        });
    }
}

#[test]
fn the_bytes_of_a_snapshot_are_those_of_the_first_version() {
    let disk = SimulatedDisk::new(1);
    snapshots(&disk).save(&snapshot("state")).unwrap();

    let path = Path::new("/data/snapshot/0000000000000001.snapshot");
    let written = disk.read(path).unwrap();

    assert_eq!(hex(&written), golden(include_str!("golden/snapshot.hex")));
}

/// 32 bytes a line.
fn hex(bytes: &[u8]) -> String {
    bytes
        .chunks(32)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect::<Vec<String>>()
        .join("\n")
}

fn golden(text: &str) -> String {
    text.trim_end().to_owned()
}
