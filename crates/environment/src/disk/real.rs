//! The operating system's file system.
#![allow(clippy::disallowed_methods)] // the one place that may: this is what the ban points to

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
    time::Duration,
};

use rustix::fs::{Access, AtFlags, CWD, PROC_SUPER_MAGIC, accessat, statfs};
use rustix::io::Errno;

use super::{Disk, DiskFile, DiskLock, refuse_extension, refuse_other_directory};

/// File systems in which Linux shows its own state, by their number in `statfs`: proc, sysfs, devpts, and
/// cgroup in both versions (`linux/magic.h`). Nobody's files are kept there, though root may "write".
const SHOW_THE_KERNEL: [u64; 5] = [
    PROC_SUPER_MAGIC as u64,
    0x6265_6572,
    0x1cd1,
    0x0027_e0eb,
    0x6367_7270,
];

#[derive(Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        // `a/b/c` with only `a` there: `a` and `a/b` get a new entry each.
        let missing = dir
            .ancestors()
            .take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists())
            .count();
        fs::create_dir_all(dir)?;
        for parent in dir.ancestors().skip(1).take(missing) {
            self.sync_dir(parent)?;
        }
        Ok(())
    }

    fn check_writable(&self, dir: &Path) -> io::Result<()> {
        let dir = or_here(dir);
        if !fs::metadata(dir)?.is_dir() {
            return Err(Errno::NOTDIR.into());
        }
        let new_files = Access::WRITE_OK | Access::EXEC_OK;
        accessat(CWD, dir, new_files, AtFlags::EACCESS)?;
        if SHOW_THE_KERNEL.contains(&(statfs(dir)?.f_type as u64)) {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "its file system shows the kernel's state and keeps no files",
            ));
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(or_here(dir))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                continue;
            }
            if let Ok(name) = entry.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn open_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        Ok(Box::new(RealFile { file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        refuse_other_directory(from, to)?;
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(or_here(dir))?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(RealLock { _file: file })),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!("{} is locked", path.display()),
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn busy_for(&self) -> Duration {
        Duration::ZERO
    }
}

/// The parent of a bare file name is the empty path, which means the working directory.
fn or_here(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    }
}

#[derive(Debug)]
struct RealFile {
    file: File,
}

impl DiskFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self
                .file
                .read_at(&mut buffer[filled..], offset + filled as u64)
            {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        refuse_extension(self.len()?, length)?;
        self.file.set_len(length)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// The lock lies on the open file: the operating system releases it when the last descriptor
/// closes, which it does for a process that ended in any way.
#[derive(Debug)]
struct RealLock {
    _file: File,
}

impl DiskLock for RealLock {}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use rustix::process::{Uid, geteuid};
    use rustix::thread::set_thread_res_uid;

    use super::*;
    use crate::disk::suite::disk_suite;

    /// The user whom nothing belongs to.
    const NOBODY: u32 = 65_534;

    disk_suite!(on_disk);

    fn on_disk(test: fn(&dyn Disk, &Path)) {
        let dir = tempfile::tempdir().unwrap();
        test(&RealDisk, dir.path());
    }

    #[test]
    fn no_file_can_be_made_where_the_kernel_shows_its_state() {
        for dir in ["/proc", "/proc/self", "/sys"] {
            let error = RealDisk.check_writable(Path::new(dir)).unwrap_err();
            assert_ne!(error.kind(), io::ErrorKind::NotFound, "{dir}: {error}");
        }
    }

    #[test]
    fn no_file_can_be_made_in_a_folder_that_others_may_write_to_only() {
        let folder = tempfile::tempdir().unwrap();
        let with_mode = |name, mode| {
            let dir = folder.path().join(name);
            fs::create_dir(&dir).unwrap();
            fs::set_permissions(&dir, Permissions::from_mode(mode)).unwrap();
            dir
        };
        let (open, closed) = (with_mode("open", 0o777), with_mode("closed", 0o555));
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();

        // Permissions are nothing to root, so root's test goes on as nobody, in a thread of its own.
        let as_nobody = move || {
            if geteuid().is_root() {
                set_thread_res_uid(None, Uid::from_raw(NOBODY), None).unwrap();
            }
            [open, closed].map(|dir| RealDisk.check_writable(&dir).map_err(|error| error.kind()))
        };
        let outcomes = std::thread::spawn(as_nobody).join().unwrap();

        assert_eq!(outcomes, [Ok(()), Err(io::ErrorKind::PermissionDenied)]);
    }

    #[test]
    fn a_bare_file_name_lies_in_the_working_directory() {
        let here = Path::new("Cargo.toml").parent().unwrap();

        assert!(RealDisk.list(here).unwrap().contains(&"Cargo.toml".into()));
        RealDisk.sync_dir(here).unwrap();
        RealDisk.create_dir_all(here).unwrap();
        RealDisk.check_writable(here).unwrap();
    }
}
