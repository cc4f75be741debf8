//! The folder that makes a node the same voter after a restart.
//!
//! ```text
//! raftwire.lock   held by the process that uses the folder
//! identity        whose folder it is, as text
//! log/            the Raft log: see the log module
//! snapshot/       the newest snapshot
//! ```

mod error;
mod identity;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use raftwire_environment::{Disk, DiskLock, Environment};
use raftwire_protocol::{NodeId, RaftId};

pub use self::error::DataDirError;
use self::identity::{IDENTITY, identity_text, parse_identity};
use crate::log::{DiskError, MemoryDisk, SegmentLog, SnapshotFiles, file};

const LOCK: &str = "raftwire.lock";

/// A node's folder, locked as long as this value lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    raft_id: RaftId,
    _lock: Box<dyn DiskLock>,
}

impl DataDir {
    /// Opens `root`, which is made if it is missing, with a Raft id of its own.
    ///
    /// # Errors
    ///
    /// See [`DataDirError`]; each names the folder or the file.
    pub(crate) async fn open(
        environment: &Environment,
        root: &Path,
        node: &NodeId,
    ) -> Result<DataDir, DataDirError> {
        let disk = Arc::clone(environment.disk());
        let (root, node) = (root.to_owned(), node.clone());
        let fresh = fresh_raft_id(environment);
        let executor = environment.executor("raft-data-dir");
        let opening = executor.spawn("open-data-dir", async move {
            DataDir::open_on(disk, &root, &node, fresh)
        });
        opening.await.unwrap_or(Err(DataDirError::Interrupted))
    }

    /// Opens a folder that is there already, whoever's it is.
    ///
    /// # Errors
    ///
    /// See [`DataDirError`]; a folder without an identity is [`DataDirError::Unused`].
    pub(crate) async fn open_existing(
        environment: &Environment,
        root: &Path,
    ) -> Result<(DataDir, NodeId), DataDirError> {
        let disk = Arc::clone(environment.disk());
        let root = root.to_owned();
        let executor = environment.executor("raft-data-dir");
        let opening = executor.spawn("open-data-dir", async move {
            let identity = root.join(IDENTITY);
            // Before anything is made there: locking makes a file.
            let bytes = disk.read(&identity).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => DataDirError::Unused { path: root.clone() },
                _ => DiskError::on("read", &identity)(error).into(),
            })?;
            let (node, raft_id) = parse_identity(&root, &bytes)?;
            let lock = take_lock(&*disk, &root)?;
            let data_dir = DataDir {
                disk,
                root,
                raft_id,
                _lock: lock,
            };
            Ok((data_dir, node))
        });
        opening.await.unwrap_or(Err(DataDirError::Interrupted))
    }

    /// Makes the folder that of another voter: whoever speaks to the former one is not answered.
    ///
    /// # Errors
    ///
    /// When the disk refuses; the folder is then the former voter's or the new one's.
    pub(crate) async fn renew_raft_id(
        &self,
        environment: &Environment,
        node: &NodeId,
    ) -> Result<RaftId, DataDirError> {
        let fresh = fresh_raft_id(environment);
        let (disk, root) = (Arc::clone(&self.disk), self.root.clone());
        let text = identity_text(node, fresh);
        let executor = environment.executor("raft-data-dir");
        let writing = executor.spawn("write-identity", async move {
            file::write_whole(&*disk, &root, IDENTITY, &[text.as_bytes()])
        });
        writing.await.map_err(|_| DataDirError::Interrupted)??;
        Ok(fresh)
    }

    /// A folder in memory, and so a new voter each time.
    pub(crate) fn ephemeral(
        environment: &Environment,
        node: &NodeId,
    ) -> Result<DataDir, DataDirError> {
        let disk = Arc::new(MemoryDisk::default());
        DataDir::open_on(disk, Path::new(""), node, fresh_raft_id(environment))
    }

    fn open_on(
        disk: Arc<dyn Disk>,
        root: &Path,
        node: &NodeId,
        fresh: RaftId,
    ) -> Result<DataDir, DataDirError> {
        disk.create_dir_all(root)
            .map_err(DiskError::on("create", root))?;
        let lock = take_lock(&*disk, root)?;
        let identity_path = root.join(IDENTITY);
        let raft_id = match disk.read(&identity_path) {
            Ok(bytes) => {
                // Whoever wrote it may have been killed before the folder was synced.
                file::sync_dir(&*disk, root)?;
                let (owner, raft_id) = parse_identity(root, &bytes)?;
                if owner != *node {
                    return Err(DataDirError::OtherNode {
                        path: root.to_owned(),
                        found: owner,
                        expected: node.clone(),
                    });
                }
                raft_id
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                found_data_dir(&disk, root, node, fresh)?;
                fresh
            }
            Err(error) => return Err(DiskError::on("read", &identity_path)(error).into()),
        };
        Ok(DataDir {
            disk,
            root: root.to_owned(),
            raft_id,
            _lock: lock,
        })
    }

    pub(crate) fn raft_id(&self) -> RaftId {
        self.raft_id
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub(crate) fn log_dir(&self) -> PathBuf {
        log_dir(&self.root)
    }

    pub(crate) fn snapshot_dir(&self) -> PathBuf {
        snapshot_dir(&self.root)
    }
}

fn log_dir(root: &Path) -> PathBuf {
    root.join("log")
}

fn snapshot_dir(root: &Path) -> PathBuf {
    root.join("snapshot")
}

fn fresh_raft_id(environment: &Environment) -> RaftId {
    RaftId::new(environment.random_u64())
}

fn take_lock(disk: &dyn Disk, root: &Path) -> Result<Box<dyn DiskLock>, DataDirError> {
    let path = root.join(LOCK);
    disk.lock(&path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => DataDirError::Locked {
            path: root.to_owned(),
        },
        _ => DiskError::on("lock", &path)(error).into(),
    })
}

/// Makes the log, and then the identity: from then on a folder without a log has lost it, and may
/// not begin again as if it had promised nothing.
fn found_data_dir(
    disk: &Arc<dyn Disk>,
    root: &Path,
    node: &NodeId,
    raft_id: RaftId,
) -> Result<(), DataDirError> {
    // A crash may have left an empty log of an earlier attempt.
    SegmentLog::create(&**disk, &log_dir(root))?;
    let (_, tail) = SegmentLog::open(Arc::clone(disk), &log_dir(root), u64::MAX)?;
    let snapshots = SnapshotFiles::open(Arc::clone(disk), &snapshot_dir(root))?;
    if *tail.marks() != Default::default() || !snapshots.is_empty() {
        return Err(DataDirError::IdentityMissing {
            path: root.join(IDENTITY),
        });
    }
    let text = identity_text(node, raft_id);
    Ok(file::write_whole(
        &**disk,
        root,
        IDENTITY,
        &[text.as_bytes()],
    )?)
}

#[cfg(test)]
mod tests {
    use raftwire_environment::SimulatedDisk;

    use super::*;
    use crate::log::LogOpenError;

    const ROOT: &str = "/data/node1";

    fn node(name: &str) -> NodeId {
        name.parse().unwrap()
    }

    fn open_as(disk: &SimulatedDisk, name: &str, fresh: u64) -> Result<DataDir, DataDirError> {
        DataDir::open_on(
            Arc::new(disk.attach()),
            Path::new(ROOT),
            &node(name),
            RaftId::new(fresh),
        )
    }

    fn identity() -> PathBuf {
        Path::new(ROOT).join(IDENTITY)
    }

    #[test]
    fn the_raft_id_stays_with_the_folder() {
        let disk = SimulatedDisk::new(1);
        assert_eq!(open_as(&disk, "node1", 0xAB).unwrap().raft_id().get(), 0xAB);
        disk.crash();

        assert_eq!(open_as(&disk, "node1", 0xCD).unwrap().raft_id().get(), 0xAB);
    }

    #[test]
    fn the_identity_is_readable_and_has_the_form_of_the_first_version() {
        let disk = SimulatedDisk::new(1);
        open_as(&disk, "node1", 0xAB).unwrap();

        let text = String::from_utf8(disk.read(&identity()).unwrap()).unwrap();

        assert_eq!(
            text,
            "raftwire data folder, format 1\nnode node1\nraft_id 00000000000000ab\nchecksum f0fa0877\n"
        );
    }

    #[test]
    fn a_second_process_is_refused_and_told_which_folder() {
        let disk = SimulatedDisk::new(1);
        let first = open_as(&disk, "node1", 1).unwrap();

        let error = open_as(&disk, "node1", 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the data folder /data/node1 is used by another process"
        );
        drop(first);
        open_as(&disk, "node1", 1).unwrap();
    }

    #[test]
    fn another_nodes_folder_is_refused_and_both_names_are_said() {
        let disk = SimulatedDisk::new(1);
        drop(open_as(&disk, "node1", 1).unwrap());

        let error = open_as(&disk, "node2", 1).unwrap_err();

        assert_eq!(
            error.to_string(),
            "the data folder /data/node1 belongs to node `node1`, not to `node2`: give each node a folder of its own"
        );
    }

    #[test]
    fn a_damaged_identity_is_refused_wherever_it_is_damaged() {
        let disk = SimulatedDisk::new(1);
        drop(open_as(&disk, "node1", 1).unwrap());
        let length = disk.read(&identity()).unwrap().len() as u64;
        for offset in 0..length {
            disk.damage(&identity(), offset).unwrap();

            let error = open_as(&disk, "node1", 1).unwrap_err();

            assert_eq!(error.to_string(), "/data/node1/identity is damaged");
            disk.damage(&identity(), offset).unwrap();
        }
    }

    #[test]
    fn a_folder_of_a_later_format_is_refused() {
        let disk = SimulatedDisk::new(1);
        drop(open_as(&disk, "node1", 1).unwrap());
        let later = [&b"raftwire data folder, format 2\nanything"[..]];
        file::write_whole(&disk, Path::new(ROOT), IDENTITY, &later).unwrap();

        let error = open_as(&disk, "node1", 1).unwrap_err();

        assert!(matches!(error, DataDirError::Format { format: 2, .. }));
    }

    #[test]
    fn a_log_without_an_identity_and_an_identity_without_a_log_are_refused() {
        let disk = SimulatedDisk::new(1);
        let data_dir = open_as(&disk, "node1", 1).unwrap();
        let (mut log, _) =
            SegmentLog::open(Arc::new(disk.attach()), &data_dir.log_dir(), u64::MAX).unwrap();
        let vote = crate::log::Vote {
            term: 1,
            candidate: 1,
            granted: false,
        };
        log.commit(&[crate::log::Record::Vote(vote)]).unwrap();
        let log_dir = data_dir.log_dir();
        drop(data_dir);

        disk.remove(&identity()).unwrap();
        assert_eq!(
            open_as(&disk, "node1", 1).unwrap_err().to_string(),
            "/data/node1/identity is missing, though there is a Raft log beside it"
        );

        let text = identity_text(&node("node1"), RaftId::new(1));
        file::write_whole(&disk, Path::new(ROOT), IDENTITY, &[text.as_bytes()]).unwrap();
        for name in disk.list(&log_dir).unwrap() {
            disk.remove(&log_dir.join(name)).unwrap();
        }
        open_as(&disk, "node1", 1).unwrap();
        assert!(matches!(
            SegmentLog::open(Arc::new(disk), &log_dir, u64::MAX),
            Err(LogOpenError::NoSegment { .. })
        ));
    }

    #[test]
    fn a_crash_at_any_moment_of_the_founding_leaves_a_folder_that_can_be_founded() {
        for seed in 0..50 {
            for nth in 1..8 {
                let disk = SimulatedDisk::new(seed);
                disk.fail(raftwire_environment::Fault::SyncFails { nth });
                let was_founded = open_as(&disk, "node1", 1).is_ok();
                disk.heal();
                disk.crash();

                let raft_id = open_as(&disk, "node1", 2).unwrap().raft_id().get();

                assert!(raft_id == 1 || !was_founded);
                disk.crash();
                assert_eq!(open_as(&disk, "node1", 3).unwrap().raft_id().get(), raft_id);
            }
        }
    }
}
