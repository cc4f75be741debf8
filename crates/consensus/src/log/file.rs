//! Files that appear whole or not at all.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use raftwire_environment::Disk;

/// The end of a name that a file has until it is complete. Whatever is found under such a name
/// was never complete.
pub(crate) const UNFINISHED: &str = ".unfinished";

/// The disk refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot {action} {}: {cause}", path.display())]
pub struct DiskError {
    /// What was being done.
    pub action: &'static str,
    /// To which file or folder.
    pub path: PathBuf,
    /// What the disk answered.
    #[source]
    pub cause: Arc<io::Error>,
}

impl DiskError {
    /// To wrap an [`io::Error`] with what was being done to what.
    pub(crate) fn on(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
        let path = path.to_owned();
        move |cause| DiskError {
            action,
            path,
            cause: Arc::new(cause),
        }
    }
}

/// Writes `parts` to the file `name` in `dir`, replacing what it was. When it returns the file is
/// durable; after a crash before that there is the old file or the new one.
pub(crate) fn write_whole(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    parts: &[&[u8]],
) -> Result<(), DiskError> {
    let path = dir.join(name);
    let unfinished = dir.join(format!("{name}{UNFINISHED}"));
    let mut file = disk
        .open_append(&unfinished)
        .map_err(DiskError::on("create", &unfinished))?;
    file.truncate(0)
        .map_err(DiskError::on("empty", &unfinished))?;
    for part in parts {
        file.append(part)
            .map_err(DiskError::on("write", &unfinished))?;
    }
    file.sync_data()
        .map_err(DiskError::on("sync", &unfinished))?;
    drop(file);
    disk.rename(&unfinished, &path)
        .map_err(DiskError::on("rename to", &path))?;
    sync_dir(disk, dir)
}

/// The names in `dir` that end in `suffix`, without it, sorted; what was never finished is removed.
///
/// A process may have been killed between a change of `dir` and its sync, so this also syncs:
/// what it lists stays.
pub(crate) fn list_finished(
    disk: &dyn Disk,
    dir: &Path,
    suffix: &str,
) -> Result<Vec<String>, DiskError> {
    let mut names = disk.list(dir).map_err(DiskError::on("list", dir))?;
    for name in names.iter().filter(|name| name.ends_with(UNFINISHED)) {
        remove(disk, &dir.join(name))?;
    }
    sync_dir(disk, dir)?;
    names.retain_mut(|name| match name.strip_suffix(suffix) {
        Some(stem) => {
            *name = stem.to_owned();
            true
        }
        None => false,
    });
    Ok(names)
}

pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, DiskError> {
    disk.read(path).map_err(DiskError::on("read", path))
}

pub(crate) fn remove(disk: &dyn Disk, path: &Path) -> Result<(), DiskError> {
    disk.remove(path).map_err(DiskError::on("remove", path))
}

pub(crate) fn sync_dir(disk: &dyn Disk, dir: &Path) -> Result<(), DiskError> {
    disk.sync_dir(dir).map_err(DiskError::on("sync", dir))
}
