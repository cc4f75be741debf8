//! What both disks do alike. Each function takes a disk and an existing, empty directory on it.

use std::{io, path::Path};

use super::Disk;

/// Makes a test of each function of the suite; `$on_disk` calls it with a disk and a directory.
macro_rules! disk_suite {
    ($on_disk:path) => {
        $crate::disk::suite::disk_suite!($on_disk:
            appended_bytes_are_read_back_by_position,
            a_reopened_file_is_appended_to,
            a_truncated_file_goes_on_at_the_cut,
            a_truncation_does_not_extend,
            files_are_listed_sorted_and_without_directories,
            a_missing_file_is_not_found,
            a_missing_directory_is_not_found,
            a_directory_is_made_with_its_parents_and_again,
            a_file_in_the_way_of_a_directory_is_an_error,
            a_directory_is_known_to_be_writable_without_a_change,
            a_rename_replaces_the_target,
            a_rename_into_another_directory_is_refused,
            a_removed_file_is_gone_but_its_handle_works,
            a_lock_excludes_until_it_is_dropped,
        );
    };
    ($on_disk:path: $($name:ident,)+) => {
        $(#[test]
        fn $name() {
            $on_disk($crate::disk::suite::$name);
        })+
    };
}
pub(crate) use disk_suite;

pub(crate) fn appended_bytes_are_read_back_by_position(disk: &dyn Disk, dir: &Path) {
    let mut file = disk.open_append(&dir.join("log")).unwrap();
    assert!(file.is_empty().unwrap());
    file.append(b"hello ").unwrap();
    file.append(b"world").unwrap();
    file.sync_data().unwrap();

    let mut buffer = [0; 5];
    assert_eq!(file.read_at(3, &mut buffer).unwrap(), 5);
    assert_eq!(&buffer, b"lo wo");
    assert_eq!(file.read_at(9, &mut buffer).unwrap(), 2);
    assert_eq!(&buffer[..2], b"ld");
    assert_eq!(file.read_at(11, &mut buffer).unwrap(), 0);
    assert_eq!(file.read_at(99, &mut buffer).unwrap(), 0);
    assert_eq!(file.len().unwrap(), 11);
    assert_eq!(disk.read(&dir.join("log")).unwrap(), b"hello world");
}

pub(crate) fn a_reopened_file_is_appended_to(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("log");
    disk.open_append(&path).unwrap().append(b"one").unwrap();

    let mut again = disk.open_append(&path).unwrap();
    again.append(b"two").unwrap();

    assert_eq!(disk.read(&path).unwrap(), b"onetwo");
}

pub(crate) fn a_truncated_file_goes_on_at_the_cut(disk: &dyn Disk, dir: &Path) {
    let mut file = disk.open_append(&dir.join("log")).unwrap();
    file.append(b"goodtorn").unwrap();

    file.truncate(4).unwrap();
    file.append(b"!").unwrap();

    assert_eq!(disk.read(&dir.join("log")).unwrap(), b"good!");
}

pub(crate) fn a_truncation_does_not_extend(disk: &dyn Disk, dir: &Path) {
    let mut file = disk.open_append(&dir.join("log")).unwrap();
    file.append(b"abc").unwrap();

    let error = file.truncate(4).unwrap_err();

    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(file.len().unwrap(), 3);
}

pub(crate) fn files_are_listed_sorted_and_without_directories(disk: &dyn Disk, dir: &Path) {
    for name in ["b", "a10", "a9"] {
        disk.open_append(&dir.join(name)).unwrap();
    }
    disk.create_dir_all(&dir.join("a99")).unwrap();

    assert_eq!(disk.list(dir).unwrap(), ["a10", "a9", "b"]);
}

pub(crate) fn a_missing_file_is_not_found(disk: &dyn Disk, dir: &Path) {
    let missing = dir.join("missing");
    let errors = [
        disk.read(&missing).unwrap_err(),
        disk.remove(&missing).unwrap_err(),
        disk.rename(&missing, &dir.join("other")).unwrap_err(),
    ];

    for error in errors {
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}

pub(crate) fn a_missing_directory_is_not_found(disk: &dyn Disk, dir: &Path) {
    let missing = dir.join("missing");
    let errors = [
        disk.list(&missing).unwrap_err(),
        disk.sync_dir(&missing).unwrap_err(),
        disk.check_writable(&missing).unwrap_err(),
        disk.open_append(&missing.join("log")).unwrap_err(),
        disk.lock(&missing.join("lock")).unwrap_err(),
    ];

    for error in errors {
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}

pub(crate) fn a_directory_is_made_with_its_parents_and_again(disk: &dyn Disk, dir: &Path) {
    let deep = dir.join("a").join("b");

    disk.create_dir_all(&deep).unwrap();
    disk.create_dir_all(&deep).unwrap();

    assert!(disk.list(&deep).unwrap().is_empty());
    disk.open_append(&deep.join("log")).unwrap();
    disk.sync_dir(&deep).unwrap();
}

pub(crate) fn a_file_in_the_way_of_a_directory_is_an_error(disk: &dyn Disk, dir: &Path) {
    let file = dir.join("file");
    disk.open_append(&file).unwrap();

    let same = disk.create_dir_all(&file).unwrap_err();
    let below = disk.create_dir_all(&file.join("sub")).unwrap_err();

    assert_eq!(same.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(below.kind(), io::ErrorKind::NotADirectory);
    assert!(disk.list(&file).is_err());
}

pub(crate) fn a_directory_is_known_to_be_writable_without_a_change(disk: &dyn Disk, dir: &Path) {
    disk.check_writable(dir).unwrap();
    assert!(disk.list(dir).unwrap().is_empty());

    let file = dir.join("file");
    disk.open_append(&file).unwrap();
    let error = disk.check_writable(&file).unwrap_err();

    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    assert_eq!(disk.list(dir).unwrap(), ["file"]);
}

pub(crate) fn a_rename_replaces_the_target(disk: &dyn Disk, dir: &Path) {
    let (from, to) = (dir.join("vote.new"), dir.join("vote"));
    disk.open_append(&from).unwrap().append(b"new").unwrap();
    disk.open_append(&to).unwrap().append(b"old").unwrap();

    disk.rename(&from, &to).unwrap();
    disk.sync_dir(dir).unwrap();

    assert_eq!(disk.read(&to).unwrap(), b"new");
    assert_eq!(disk.list(dir).unwrap(), ["vote"]);
}

pub(crate) fn a_rename_into_another_directory_is_refused(disk: &dyn Disk, dir: &Path) {
    disk.create_dir_all(&dir.join("sub")).unwrap();
    disk.open_append(&dir.join("file")).unwrap();

    let error = disk
        .rename(&dir.join("file"), &dir.join("sub").join("file"))
        .unwrap_err();

    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

pub(crate) fn a_removed_file_is_gone_but_its_handle_works(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("log");
    let mut file = disk.open_append(&path).unwrap();
    file.append(b"abc").unwrap();

    disk.remove(&path).unwrap();
    file.append(b"def").unwrap();

    assert!(disk.list(dir).unwrap().is_empty());
    let mut buffer = [0; 6];
    assert_eq!(file.read_at(0, &mut buffer).unwrap(), 6);
    assert_eq!(&buffer, b"abcdef");
}

pub(crate) fn a_lock_excludes_until_it_is_dropped(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("lock");
    let held = disk.lock(&path).unwrap();

    let refused = disk.lock(&path).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    let _other = disk.lock(&dir.join("other")).unwrap();

    drop(held);
    let _again = disk.lock(&path).unwrap();
    assert_eq!(disk.list(dir).unwrap(), ["lock", "other"]);
}
