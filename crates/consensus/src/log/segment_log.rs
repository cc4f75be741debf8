//! The log on disk: segments, written by one and read once.

use std::{
    collections::VecDeque,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
};

use raftwire_environment::{Disk, DiskFile};

use super::{
    error::{LogError, LogOpenError},
    file::{self, DiskError},
    head::{HEAD_BYTES, Head},
    marks::{Marks, index_of},
    record::Record,
    segment::{self, Segment},
    tail::Tail,
};

/// The size in bytes from which on a segment is followed by a new one.
///
/// 16 MiB are read in some 20 ms when a node starts, and are the unit in which purged space comes
/// back.
pub const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

/// The size in bytes from which on a batch is written without waiting for more.
///
/// 1 MiB takes a disk of 100 MB/s 10 ms, about as long as its sync: larger batches would gain
/// little and keep the first in them waiting.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;

const _: () = assert!(
    (BATCH_BYTES_MAX as u64) < SEGMENT_BYTES,
    "a segment holds more than one batch"
);

const SEGMENT_SUFFIX: &str = ".segment";

/// The log's files, open for writing: one owner, one write at a time.
///
/// Every call blocks on the disk. After the first failure each call answers with that failure.
#[derive(Debug)]
pub struct SegmentLog {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segment_bytes: u64,
    marks: Marks,
    next_batch: u64,
    /// Oldest first, consecutive numbers; the last is the one that `active` writes to.
    segments: VecDeque<Extent>,
    active: Box<dyn DiskFile>,
    active_bytes: u64,
    buffer: Vec<u8>,
    failure: Option<LogError>,
}

/// Which entries a segment holds that are neither truncated nor purged.
#[derive(Debug)]
struct Extent {
    number: u64,
    live: Option<(u64, u64)>,
}

impl SegmentLog {
    /// Makes an empty log in `dir`, unless there is one.
    ///
    /// # Errors
    ///
    /// The disk's, and what [`open`](Self::open) says of the names in `dir`.
    pub fn create(disk: &dyn Disk, dir: &Path) -> Result<(), LogOpenError> {
        disk.create_dir_all(dir)
            .map_err(DiskError::on("create", dir))?;
        if list_segments(disk, dir)?.is_none() {
            create(disk, dir, 1, 0, Marks::default())?;
        }
        Ok(())
    }

    /// Opens the log in `dir` and gives what it holds.
    ///
    /// `segment_bytes` is [`SEGMENT_BYTES`] but in tests. The caller keeps every other process
    /// out of `dir`.
    ///
    /// # Errors
    ///
    /// Anything but a torn end of the last segment: see [`LogOpenError`].
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        segment_bytes: u64,
    ) -> Result<(SegmentLog, Tail), LogOpenError> {
        let numbers = list_segments(&*disk, dir)?.ok_or_else(|| LogOpenError::NoSegment {
            dir: dir.to_owned(),
        })?;
        let replayed = Replayed::read(&*disk, dir, numbers.clone())?;
        if let Some(index) = replayed.tail.missing() {
            return Err(LogOpenError::EntriesMissing {
                dir: dir.to_owned(),
                index,
                first_segment: *numbers.start(),
            });
        }
        let path = segment_path(dir, *numbers.end());
        let active = disk
            .open_append(&path)
            .map_err(DiskError::on("open", &path))?;
        let log = SegmentLog {
            disk,
            dir: dir.to_owned(),
            segment_bytes,
            marks: *replayed.tail.marks(),
            next_batch: replayed.next_batch,
            segments: replayed.segments,
            active,
            active_bytes: replayed.end as u64,
            buffer: Vec::new(),
            failure: None,
        };
        Ok((log, replayed.tail))
    }

    /// Appends `records` and returns when they are durable. Several batches are written only if
    /// they are larger than [`BATCH_BYTES_MAX`].
    ///
    /// # Errors
    ///
    /// A failure of the disk, or records that cannot follow those before. What of `records` is
    /// durable is then unknown, and the log is closed: each later call has the same answer.
    pub fn commit(&mut self, records: &[Record]) -> Result<(), LogError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut rest = records;
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(batch_length(rest));
            if let Err(failure) = self.commit_batch(batch) {
                self.failure = Some(failure.clone());
                self.buffer = Vec::new();
                return Err(failure);
            }
            rest = later;
        }
        Ok(())
    }

    fn commit_batch(&mut self, batch: &[Record]) -> Result<(), LogError> {
        if self.active_bytes >= self.segment_bytes {
            self.begin_segment()?;
        }
        let mut marks = self.marks;
        for record in batch {
            marks.apply(record)?;
        }
        self.buffer.clear();
        segment::encode_batch(self.next_batch, batch, &mut self.buffer);
        let path = segment_path(&self.dir, self.active_number());
        self.active
            .append(&self.buffer)
            .map_err(DiskError::on("write", &path))?;
        self.active
            .sync_data()
            .map_err(DiskError::on("sync", &path))?;
        self.active_bytes += self.buffer.len() as u64;
        self.next_batch += 1;
        self.marks = marks;
        note_extents(&mut self.segments, batch);
        if batch
            .iter()
            .any(|record| matches!(record, Record::Purge(_)))
        {
            self.remove_purged()?;
        }
        Ok(())
    }

    /// Everything in the old segment is synced by now, so that only the last one can be torn.
    fn begin_segment(&mut self) -> Result<(), LogError> {
        let number = self.active_number() + 1;
        create(&*self.disk, &self.dir, number, self.next_batch, self.marks)?;
        let path = segment_path(&self.dir, number);
        self.active = self
            .disk
            .open_append(&path)
            .map_err(DiskError::on("open", &path))?;
        self.active_bytes = HEAD_BYTES as u64;
        self.segments.push_back(Extent { number, live: None });
        Ok(())
    }

    /// Removes the oldest segments as long as nothing in them is needed. Whatever else they say
    /// the next segment's head repeats. The folder is synced after each, so that the ones that
    /// a crash brings back leave no gap.
    fn remove_purged(&mut self) -> Result<(), LogError> {
        let purged = index_of(self.marks.purged);
        while self.segments.len() > 1
            && self.segments[0]
                .live
                .is_none_or(|(_, last)| Some(last) <= purged)
        {
            let path = segment_path(&self.dir, self.segments[0].number);
            file::remove(&*self.disk, &path)?;
            file::sync_dir(&*self.disk, &self.dir)?;
            self.segments.pop_front();
        }
        Ok(())
    }

    fn active_number(&self) -> u64 {
        self.segments.back().map_or(1, |extent| extent.number)
    }
}

/// What the segments say together.
#[derive(Default)]
struct Replayed {
    tail: Tail,
    next_batch: u64,
    segments: VecDeque<Extent>,
    /// The length of the last segment.
    end: usize,
}

impl Replayed {
    fn read(
        disk: &dyn Disk,
        dir: &Path,
        numbers: RangeInclusive<u64>,
    ) -> Result<Replayed, LogOpenError> {
        let mut replayed = Replayed::default();
        for number in numbers.clone() {
            let path = segment_path(dir, number);
            let bytes = file::read(disk, &path)?;
            let segment = Segment::decode(&bytes, number).map_err(|damage| {
                let path = path.clone();
                LogOpenError::Damaged { path, damage }
            })?;
            let is_last = number == *numbers.end();
            if segment.end < bytes.len() && !is_last {
                return Err(LogOpenError::CutOff {
                    path,
                    offset: segment.end,
                });
            }
            if is_last && bytes.len() > HEAD_BYTES {
                rewrite(disk, dir, number, &bytes[..segment.end])?;
            }
            if number == *numbers.start() {
                replayed.begin_with(&segment.head);
            }
            replayed
                .take_in(segment)
                .map_err(|error| LogOpenError::Contradiction { path, error })?;
        }
        Ok(replayed)
    }

    fn begin_with(&mut self, head: &Head) {
        self.tail = Tail::beginning_with(head.marks);
        self.next_batch = head.first_batch;
    }

    fn take_in(&mut self, segment: Segment) -> Result<(), String> {
        let head = &segment.head;
        if head.marks != *self.tail.marks() || head.first_batch != self.next_batch {
            return Err(format!(
                "its head says {:?} before batch {}, the segment before it ends with {:?} before batch {}",
                head.marks,
                head.first_batch,
                self.tail.marks(),
                self.next_batch
            ));
        }
        self.segments.push_back(Extent {
            number: head.number,
            live: None,
        });
        for batch in &segment.batches {
            for record in batch {
                self.tail.apply(record).map_err(|error| error.to_string())?;
            }
            note_extents(&mut self.segments, batch);
        }
        self.next_batch += segment.batches.len() as u64;
        self.end = segment.end;
        Ok(())
    }
}

/// How many of `records` make one batch; at least one.
fn batch_length(records: &[Record]) -> usize {
    let mut bytes = 0;
    let full = records.iter().position(|record| {
        bytes += record.encoded_bytes();
        bytes > BATCH_BYTES_MAX
    });
    full.map_or(records.len(), |nth| nth.max(1))
}

/// Takes in a batch that went to the last segment.
fn note_extents(segments: &mut VecDeque<Extent>, batch: &[Record]) {
    for record in batch {
        match record {
            Record::Entry(entry) => {
                let index = entry.position.index;
                if let Some(extent) = segments.back_mut() {
                    let first = extent.live.map_or(index, |(first, _)| first);
                    extent.live = Some((first, index));
                }
            }
            Record::Truncate(after) => {
                for extent in segments.iter_mut() {
                    extent.live = extent.live.and_then(|(first, last)| {
                        let after = index_of(*after)?;
                        (first <= after).then_some((first, last.min(after)))
                    });
                }
            }
            Record::Vote(_) | Record::Committed(_) | Record::Purge(_) => {}
        }
    }
}

/// Writes the last segment anew, without its torn end.
///
/// What a process reads when it starts need not be on the disk: the one before it may have been
/// killed before the sync of its last batch, or by a failed one, after which Linux shows the bytes
/// and will not write them. Appending behind them would lose what is appended. In all segments but
/// the last each batch was synced before the next was written.
fn rewrite(disk: &dyn Disk, dir: &Path, number: u64, bytes: &[u8]) -> Result<(), DiskError> {
    file::write_whole(disk, dir, &segment_name(number), &[bytes])
}

fn create(
    disk: &dyn Disk,
    dir: &Path,
    number: u64,
    first_batch: u64,
    marks: Marks,
) -> Result<(), DiskError> {
    let head = Head {
        number,
        first_batch,
        marks,
    };
    file::write_whole(disk, dir, &segment_name(number), &[&head.encode()])
}

/// The numbers of the segments in `dir`, which are consecutive; `None` if there is no segment.
fn list_segments(disk: &dyn Disk, dir: &Path) -> Result<Option<RangeInclusive<u64>>, LogOpenError> {
    let mut numbers: Option<RangeInclusive<u64>> = None;
    for stem in file::list_finished(disk, dir, SEGMENT_SUFFIX)? {
        let number = u64::from_str_radix(&stem, 16)
            .ok()
            .filter(|number| segment_name(*number) == format!("{stem}{SEGMENT_SUFFIX}"))
            .ok_or_else(|| LogOpenError::StrangeFile {
                path: dir.join(format!("{stem}{SEGMENT_SUFFIX}")),
            })?;
        numbers = match numbers {
            None => Some(number..=number),
            Some(before) if before.end().checked_add(1) == Some(number) => {
                Some(*before.start()..=number)
            }
            Some(before) => {
                return Err(LogOpenError::SegmentMissing {
                    path: segment_path(dir, before.end().saturating_add(1)),
                    next: number,
                });
            }
        };
    }
    Ok(numbers)
}

fn segment_name(number: u64) -> String {
    format!("{number:016x}{SEGMENT_SUFFIX}")
}

fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(segment_name(number))
}
