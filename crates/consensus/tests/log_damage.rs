//! What the log refuses to open, and with which words; what it does after the disk has failed.
#![allow(clippy::unwrap_used)] // clippy knows tests, not their helpers

use std::{path::Path, sync::Arc};

use raftwire_consensus::testing::log::{
    DamageKind, LogError, LogOpenError, Position, Record, SegmentLog, StoredEntry, Tail, Vote,
};
use raftwire_environment::{Disk, Fault, SimulatedDisk};

const DIR: &str = "/data/log";
const FIRST: &str = "/data/log/0000000000000001.segment";
const SECOND: &str = "/data/log/0000000000000002.segment";
const THIRD: &str = "/data/log/0000000000000003.segment";

/// One batch of [`entry`] fills a segment.
const SEGMENT_BYTES: u64 = 120;

/// Where the first batch begins.
const HEAD_BYTES: u64 = 98;

fn entry(index: u64) -> Record {
    Record::Entry(StoredEntry {
        position: Position { term: 1, index },
        bytes: vec![0x22; 40].into(),
    })
}

fn open(disk: &SimulatedDisk) -> Result<(SegmentLog, Tail), LogOpenError> {
    SegmentLog::open(Arc::new(disk.attach()), Path::new(DIR), SEGMENT_BYTES)
}

fn empty(disk: &SimulatedDisk) -> SegmentLog {
    SegmentLog::create(&disk.attach(), Path::new(DIR)).unwrap();
    open(disk).unwrap().0
}

/// Three segments with an entry each.
fn three_segments() -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    let mut log = empty(&disk);
    for index in 0..3 {
        log.commit(&[entry(index)]).unwrap();
    }
    disk.crash();
    disk
}

fn last_index(tail: &Tail) -> Option<u64> {
    tail.marks().last.map(|last| last.index)
}

#[test]
fn damage_in_any_segment_is_refused_with_file_and_offset() {
    for path in [FIRST, SECOND, THIRD] {
        let disk = three_segments();
        disk.damage(Path::new(path), HEAD_BYTES + 40).unwrap();

        let error = open(&disk).unwrap_err();

        assert!(
            matches!(&error, LogOpenError::Damaged { damage, .. }
                if damage.offset == 98 && matches!(damage.what, DamageKind::Batch(_))),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.starts_with(&format!(
            "{path} is damaged at byte 98: the checksum of batch"
        )));
    }
}

#[test]
fn damage_in_a_head_is_refused() {
    let disk = three_segments();
    disk.damage(Path::new(THIRD), 60).unwrap();

    let error = open(&disk).unwrap_err();

    assert_eq!(
        error.to_string(),
        format!("{THIRD} is damaged at byte 0: the head is damaged")
    );
}

#[test]
fn a_torn_end_is_cut_off_and_written_over() {
    let disk = three_segments();
    let mut file = disk.open_append(Path::new(THIRD)).unwrap();
    let whole = file.len().unwrap();
    file.append(&[0; 100]).unwrap();

    let (mut log, tail) = open(&disk).unwrap();
    assert_eq!(last_index(&tail), Some(2));
    assert_eq!(disk.read(Path::new(THIRD)).unwrap().len() as u64, whole);
    log.commit(&[entry(3)]).unwrap();
    disk.crash();

    assert_eq!(last_index(&open(&disk).unwrap().1), Some(3));
}

#[test]
fn a_torn_end_that_is_not_the_logs_end_is_damage() {
    let disk = three_segments();
    let mut file = disk.open_append(Path::new(SECOND)).unwrap();
    file.truncate(120).unwrap();

    let error = open(&disk).unwrap_err();

    assert_eq!(
        error.to_string(),
        format!("{SECOND} is cut off at byte 98, and it is not the last segment")
    );
}

#[test]
fn a_segment_without_its_last_batch_does_not_fit_to_the_next() {
    let disk = three_segments();
    let mut file = disk.open_append(Path::new(SECOND)).unwrap();
    file.truncate(HEAD_BYTES).unwrap();

    let error = open(&disk).unwrap_err();

    assert!(matches!(error, LogOpenError::Contradiction { path, .. } if path == Path::new(THIRD)));
}

#[test]
fn a_missing_segment_is_named() {
    let disk = three_segments();
    disk.remove(Path::new(SECOND)).unwrap();
    assert_eq!(
        open(&disk).unwrap_err().to_string(),
        format!("{SECOND} is missing, though segment 3 is there")
    );

    let disk = three_segments();
    disk.remove(Path::new(FIRST)).unwrap();
    assert_eq!(
        open(&disk).unwrap_err().to_string(),
        format!("entries from 0 on are missing in {DIR}: its first segment is 2")
    );

    let disk = three_segments();
    for path in [FIRST, SECOND, THIRD] {
        disk.remove(Path::new(path)).unwrap();
    }
    assert_eq!(
        open(&disk).unwrap_err().to_string(),
        format!("the Raft log in {DIR} is gone")
    );
}

#[test]
fn a_segment_under_another_name_is_refused() {
    let disk = three_segments();
    let fourth = "/data/log/0000000000000004.segment";
    let mut copy = disk.open_append(Path::new(fourth)).unwrap();
    copy.append(&disk.read(Path::new(THIRD)).unwrap()).unwrap();
    assert_eq!(
        open(&disk).unwrap_err().to_string(),
        format!("{fourth} is damaged at byte 0: this is segment 3, under another segment's name")
    );

    let disk = three_segments();
    let strange = "/data/log/old.segment";
    disk.rename(Path::new(FIRST), Path::new(strange)).unwrap();
    assert_eq!(
        open(&disk).unwrap_err().to_string(),
        format!("{strange} is not a segment of the Raft log")
    );
}

#[test]
fn after_a_failed_sync_every_call_has_the_same_answer() {
    let disk = SimulatedDisk::new(1);
    let mut log = empty(&disk);
    disk.fail(Fault::SyncFails { nth: 1 });

    let first = log.commit(&[entry(0)]).unwrap_err();
    disk.heal();
    let later = log.commit(&[entry(0)]).unwrap_err();

    assert!(matches!(&first, LogError::Disk(error) if error.action == "sync"));
    assert!(
        first
            .to_string()
            .starts_with(&format!("the Raft log failed: cannot sync {FIRST}: "))
    );
    assert_eq!(first.to_string(), later.to_string());
}

#[test]
fn after_a_failed_write_every_call_has_the_same_answer() {
    for fault in [
        Fault::AppendFails { nth: 1 },
        Fault::AppendTorn { nth: 1 },
        Fault::DiskFull { after_bytes: 20 },
    ] {
        let disk = SimulatedDisk::new(1);
        let mut log = empty(&disk);
        disk.fail(fault);

        let first = log.commit(&[entry(0)]).unwrap_err();
        disk.heal();
        let later = log.commit(&[entry(0)]).unwrap_err();

        assert!(matches!(&first, LogError::Disk(error) if error.action == "write"));
        assert_eq!(first.to_string(), later.to_string());
        disk.kill();
        assert_eq!(last_index(&open(&disk).unwrap().1), None);
    }
}

/// The failed sync left bytes that can be read and that no later sync makes durable.
#[test]
fn what_follows_bytes_that_a_failed_sync_left_is_durable() {
    let disk = SimulatedDisk::new(1);
    let mut log = empty(&disk);
    disk.fail(Fault::SyncFails { nth: 1 });
    log.commit(&[entry(0)]).unwrap_err();
    disk.kill();

    let (mut log, tail) = open(&disk).unwrap();
    assert_eq!(last_index(&tail), Some(0));
    log.commit(&[entry(1)]).unwrap();
    disk.crash();

    assert_eq!(last_index(&open(&disk).unwrap().1), Some(1));
}

/// The process was killed after the new segment got its name, before the folder was synced.
#[test]
fn a_name_that_is_not_durable_becomes_so_at_the_start() {
    let second = {
        let disk = three_segments();
        disk.read(Path::new(SECOND)).unwrap()[..HEAD_BYTES as usize].to_vec()
    };
    for seed in 0..20 {
        let disk = SimulatedDisk::new(seed);
        empty(&disk).commit(&[entry(0)]).unwrap();
        let unfinished = Path::new("/data/log/0000000000000002.segment.unfinished");
        let mut file = disk.open_append(unfinished).unwrap();
        file.append(&second).unwrap();
        file.sync_data().unwrap();
        disk.rename(unfinished, Path::new(SECOND)).unwrap();
        disk.kill();

        let (mut log, _) = open(&disk).unwrap();
        log.commit(&[entry(1)]).unwrap();
        disk.crash();

        assert_eq!(last_index(&open(&disk).unwrap().1), Some(1));
    }
}

#[test]
fn a_record_that_cannot_follow_closes_the_log() {
    let disk = SimulatedDisk::new(1);
    let mut log = empty(&disk);
    log.commit(&[entry(0)]).unwrap();

    let error = log.commit(&[entry(2)]).unwrap_err();

    assert_eq!(
        error.to_string(),
        "the Raft log refused a record: entry 2 follows entry 0"
    );
    log.commit(&[entry(1)]).unwrap_err();
}

#[test]
fn a_vote_outlives_the_segment_that_it_was_written_to() {
    let disk = SimulatedDisk::new(1);
    let mut log = empty(&disk);
    let vote = Vote {
        term: 9,
        candidate: 4,
        granted: false,
    };
    log.commit(&[Record::Vote(vote)]).unwrap();
    for index in 0..5 {
        log.commit(&[entry(index)]).unwrap();
    }
    log.commit(&[Record::Purge(Position { term: 1, index: 3 })])
        .unwrap();
    disk.crash();

    assert!(disk.read(Path::new(FIRST)).is_err());
    assert_eq!(open(&disk).unwrap().1.marks().vote, Some(vote));
}
