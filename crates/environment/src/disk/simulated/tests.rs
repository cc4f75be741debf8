use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

use super::{Fault, SimulatedDisk};
use crate::Environment;
use crate::disk::{Disk, DiskFile, suite::disk_suite, turn};

/// Enough for every outcome of a crash to occur in a test that waits for each.
const SEEDS: std::ops::Range<u64> = 0..300;

disk_suite!(on_disk);

fn on_disk(test: fn(&dyn Disk, &Path)) {
    let disk = SimulatedDisk::new(1);
    let dir = PathBuf::from("data/node1");
    disk.create_dir_all(&dir).unwrap();
    test(&disk, &dir);
}

fn here() -> &'static Path {
    Path::new("")
}

fn log() -> &'static Path {
    Path::new("log")
}

/// A disk with the file `log`, whose name is durable and whose bytes are `synced`.
fn disk_with_log(seed: u64, synced: &[u8]) -> (SimulatedDisk, Box<dyn DiskFile>) {
    let disk = SimulatedDisk::new(seed);
    let mut file = disk.open_append(log()).unwrap();
    file.append(synced).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(here()).unwrap();
    (disk, file)
}

#[test]
fn of_appended_bytes_a_crash_leaves_none_all_or_a_torn_part() {
    let (mut none, mut all, mut part, mut zeros) = (0, 0, 0, 0);
    for seed in SEEDS {
        let (disk, mut file) = disk_with_log(seed, b"synced");
        file.append(b"appended").unwrap();

        disk.crash();

        let bytes = disk.read(log()).unwrap();
        let tail = bytes.strip_prefix(b"synced").unwrap();
        let written = tail.iter().take_while(|byte| **byte != 0).count();
        assert_eq!(tail[..written], b"appended"[..written], "seed {seed}");
        assert!(tail[written..].iter().all(|byte| *byte == 0), "seed {seed}");
        match tail {
            b"" => none += 1,
            b"appended" => all += 1,
            _ if written < tail.len() => zeros += 1,
            _ => part += 1,
        }
    }
    assert!(none > 0 && all > 0 && part > 0 && zeros > 0);
}

#[test]
fn a_truncation_that_was_not_synced_has_happened_or_not() {
    let mut outcomes = BTreeSet::new();
    for seed in SEEDS {
        let (disk, mut file) = disk_with_log(seed, b"synced");
        file.truncate(3).unwrap();

        disk.crash();

        outcomes.insert(disk.read(log()).unwrap());
    }
    assert_eq!(outcomes, [b"syn".to_vec(), b"synced".to_vec()].into());
}

#[test]
fn a_synced_truncation_is_final() {
    for seed in SEEDS {
        let (disk, mut file) = disk_with_log(seed, b"synced");
        file.truncate(3).unwrap();
        file.append(b"!").unwrap();
        file.sync_data().unwrap();

        disk.crash();

        assert_eq!(disk.read(log()).unwrap(), b"syn!", "seed {seed}");
    }
}

#[test]
fn a_new_name_is_lost_or_kept_until_its_directory_is_synced() {
    let mut outcomes = BTreeSet::new();
    for seed in SEEDS {
        let (disk, _) = disk_with_log(seed, b"synced");
        let mut file = disk.open_append(Path::new("new")).unwrap();
        file.append(b"bytes").unwrap();
        file.sync_data().unwrap();

        disk.crash();

        let names = disk.list(here()).unwrap();
        if names.len() == 2 {
            assert_eq!(disk.read(Path::new("new")).unwrap(), b"bytes");
        }
        outcomes.insert(names);
    }
    let (kept, lost) = (vec!["log".into(), "new".into()], vec!["log".into()]);
    assert_eq!(outcomes, [kept, lost].into());
}

#[test]
fn a_removal_is_final_once_the_directory_is_synced() {
    let mut outcomes = BTreeSet::new();
    for seed in SEEDS {
        let (disk, _) = disk_with_log(seed, b"synced");
        disk.remove(log()).unwrap();
        disk.crash();
        outcomes.insert(disk.read(log()).ok());

        let (disk, _) = disk_with_log(seed, b"synced");
        disk.remove(log()).unwrap();
        disk.sync_dir(here()).unwrap();
        disk.crash();
        assert!(disk.read(log()).is_err(), "seed {seed}");
    }
    assert_eq!(outcomes, [None, Some(b"synced".to_vec())].into());
}

#[test]
fn a_rename_over_a_file_leaves_the_old_state_or_the_new() {
    let mut outcomes = BTreeSet::new();
    for seed in SEEDS {
        let (disk, _) = disk_with_log(seed, b"old");
        let new = Path::new("log.new");
        let mut file = disk.open_append(new).unwrap();
        file.append(b"new").unwrap();
        file.sync_data().unwrap();
        disk.sync_dir(here()).unwrap();
        disk.rename(new, log()).unwrap();

        disk.crash();

        outcomes.insert((disk.read(log()).unwrap(), disk.read(new).ok()));
    }
    let before = (b"old".to_vec(), Some(b"new".to_vec()));
    let after = (b"new".to_vec(), None);
    assert_eq!(outcomes, [before, after].into());
}

#[test]
fn whatever_was_done_before_what_was_synced_survives() {
    for seed in 0..2_000 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let disk = SimulatedDisk::new(seed);
        let (mut synced, mut written) = (Vec::new(), Vec::new());
        let mut name_is_durable = false;
        let mut file = disk.open_append(log()).unwrap();
        for _ in 0..random.random_range(0..12) {
            match random.random_range(0..6) {
                0..=2 => {
                    let bytes = vec![random.random_range(1..=u8::MAX); random.random_range(0..9)];
                    file.append(&bytes).unwrap();
                    written.extend(bytes);
                }
                3 => {
                    let length = random.random_range(0..=written.len());
                    file.truncate(length as u64).unwrap();
                    written.truncate(length);
                    // From here on the rest of what was synced may or may not be there.
                    synced.truncate(length);
                }
                4 => {
                    file.sync_data().unwrap();
                    synced.clone_from(&written);
                }
                _ => {
                    disk.sync_dir(here()).unwrap();
                    name_is_durable = true;
                }
            }
        }

        disk.crash();

        let survived = disk.read(log());
        assert!(!name_is_durable || survived.is_ok(), "seed {seed}");
        if let Ok(bytes) = survived {
            assert!(bytes.starts_with(&synced), "seed {seed}");
            disk.crash();
            assert_eq!(disk.read(log()).unwrap(), bytes, "seed {seed}");
        }
    }
}

#[test]
fn any_history_of_names_leaves_each_file_at_most_one_of_its_names() {
    for seed in 0..2_000 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let disk = SimulatedDisk::new(seed);
        for number in 0..random.random_range(1..12_u8) {
            let mut name = || PathBuf::from(["a", "b", "c"][random.random_range(0..3)]);
            let (one, other) = (name(), name());
            if disk.read(&one).is_err() {
                let mut file = disk.open_append(&one).unwrap();
                file.append(&[number]).unwrap();
                file.sync_data().unwrap();
            }
            match random.random_range(0..4) {
                0 => disk.remove(&one).unwrap(),
                1 => disk.sync_dir(here()).unwrap(),
                _ => disk.rename(&one, &other).unwrap(),
            }
        }

        disk.crash();

        let names = disk.list(here()).unwrap();
        let files: BTreeSet<_> = names
            .iter()
            .map(|name| disk.read(Path::new(name)).unwrap())
            .collect();
        assert_eq!(files.len(), names.len(), "seed {seed}");
        assert!(files.iter().all(|bytes| bytes.len() == 1), "seed {seed}");
    }
}

#[test]
fn the_same_seed_loses_the_same() {
    let crash = |seed| {
        let (disk, mut file) = disk_with_log(seed, b"synced");
        file.append(&[1; 1_000]).unwrap();
        disk.open_append(Path::new("new")).unwrap();
        disk.crash();
        (disk.read(log()).unwrap(), disk.list(here()).unwrap())
    };

    assert!(SEEDS.take(50).all(|seed| crash(seed) == crash(seed)));
    assert!(SEEDS.map(crash).collect::<BTreeSet<_>>().len() > 10);
}

#[test]
fn a_dead_process_can_do_nothing() {
    for end in [SimulatedDisk::crash, SimulatedDisk::kill] {
        let (disk, mut file) = disk_with_log(1, b"synced");
        let process = disk.attach();
        end(&disk);

        file.append(b"!").unwrap_err();
        file.truncate(0).unwrap_err();
        file.sync_data().unwrap_err();
        file.len().unwrap_err();
        file.read_at(0, &mut [0]).unwrap_err();
        process.list(here()).unwrap_err();
        process.read(log()).unwrap_err();
        process.open_append(log()).unwrap_err();
        process.rename(log(), Path::new("other")).unwrap_err();
        process.remove(log()).unwrap_err();
        process.sync_dir(here()).unwrap_err();
        process.create_dir_all(Path::new("dir")).unwrap_err();
        process.lock(Path::new("lock")).unwrap_err();
        assert_eq!(disk.attach().read(log()).unwrap(), b"synced");
    }
}

#[test]
fn a_killed_process_leaves_all_that_it_wrote() {
    let (disk, mut file) = disk_with_log(1, b"synced");
    file.append(b" and not").unwrap();
    disk.open_append(Path::new("new")).unwrap();

    disk.kill();

    assert_eq!(disk.read(log()).unwrap(), b"synced and not");
    assert_eq!(disk.list(here()).unwrap(), ["log", "new"]);
}

#[test]
fn a_lock_of_a_dead_process_is_free_and_its_guard_releases_no_other() {
    let disk = SimulatedDisk::new(1);
    let path = Path::new("lock");
    let dead = disk.attach().lock(path).unwrap();

    disk.crash();
    let living = disk.attach();
    let _held = living.lock(path).unwrap();
    drop(dead);

    let refused = living.lock(path).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn the_nth_append_fails_once_and_writes_nothing() {
    let (disk, mut file) = disk_with_log(1, b"");
    disk.fail(Fault::AppendFails { nth: 2 });

    file.append(b"a").unwrap();
    let error = file.append(b"b").unwrap_err();
    file.append(b"c").unwrap();

    assert_eq!(
        error.raw_os_error(),
        Some(rustix::io::Errno::IO.raw_os_error())
    );
    assert_eq!(disk.read(log()).unwrap(), b"ac");
}

#[test]
fn a_torn_append_fails_and_leaves_a_part() {
    let mut lengths = BTreeSet::new();
    for seed in SEEDS {
        let (disk, mut file) = disk_with_log(seed, b"");
        disk.fail(Fault::AppendTorn { nth: 1 });

        file.append(b"torn").unwrap_err();

        let bytes = disk.read(log()).unwrap();
        assert!(b"torn".starts_with(&bytes));
        lengths.insert(bytes.len());
        file.truncate(0).unwrap();
        file.append(b"whole").unwrap();
    }
    assert_eq!(lengths, [0, 1, 2, 3].into());
}

#[test]
fn a_full_disk_takes_what_fits_until_it_is_healed() {
    let (disk, mut file) = disk_with_log(1, b"");
    disk.fail(Fault::DiskFull { after_bytes: 5 });

    file.append(b"abc").unwrap();
    let error = file.append(b"def").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.read(log()).unwrap(), b"abcde");
    file.append(b"x").unwrap_err();

    disk.heal();
    file.append(b"f").unwrap();
    assert_eq!(disk.read(log()).unwrap(), b"abcdef");
}

#[test]
fn bytes_of_a_failed_sync_stay_lost_though_the_next_sync_succeeds() {
    let mut lost = 0;
    for seed in SEEDS {
        let (disk, mut file) = disk_with_log(seed, b"synced");
        disk.fail(Fault::SyncFails { nth: 1 });
        file.append(b"lost").unwrap();
        file.sync_data().unwrap_err();
        file.sync_data().unwrap();

        disk.crash();

        let bytes = disk.read(log()).unwrap();
        assert!(bytes.starts_with(b"synced"), "seed {seed}");
        lost += u32::from(bytes != b"syncedlost");
    }
    assert!(lost > 0);
}

#[test]
fn names_of_a_failed_sync_stay_lost_though_the_next_sync_succeeds() {
    let mut lost = 0;
    for seed in SEEDS {
        let (disk, _) = disk_with_log(seed, b"synced");
        disk.fail(Fault::SyncFails { nth: 1 });
        disk.open_append(Path::new("new")).unwrap();
        disk.sync_dir(here()).unwrap_err();
        disk.sync_dir(here()).unwrap();

        disk.crash();

        let names = disk.list(here()).unwrap();
        assert!(names.contains(&"log".into()), "seed {seed}");
        lost += u32::from(names.len() == 1);
    }
    assert!(lost > 0);
}

#[test]
fn names_of_a_failed_sync_can_be_synced_once_the_disk_is_healed() {
    for seed in SEEDS {
        let (disk, _) = disk_with_log(seed, b"synced");
        disk.fail(Fault::SyncFails { nth: 1 });
        disk.open_append(Path::new("new")).unwrap();
        disk.sync_dir(here()).unwrap_err();

        disk.heal();
        disk.sync_dir(here()).unwrap();
        disk.crash();

        assert_eq!(disk.list(here()).unwrap().len(), 2, "seed {seed}");
    }
}

#[test]
fn bytes_that_replace_those_of_a_failed_sync_can_be_synced() {
    for seed in SEEDS {
        let (disk, mut file) = disk_with_log(seed, b"synced");
        disk.fail(Fault::SyncFails { nth: 1 });
        file.append(b"lost").unwrap();
        file.sync_data().unwrap_err();

        file.truncate(6).unwrap();
        file.append(b" anew").unwrap();
        file.sync_data().unwrap();
        disk.crash();

        assert_eq!(disk.read(log()).unwrap(), b"synced anew", "seed {seed}");
    }
}

#[test]
fn damage_inverts_one_byte_for_good() {
    let (disk, file) = disk_with_log(1, &[0, 1, 2]);

    disk.damage(log(), 1).unwrap();
    let beyond = disk.damage(log(), 3).unwrap_err();
    drop(file);
    disk.crash();

    assert_eq!(beyond.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(disk.read(log()).unwrap(), [0, 254, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_disk_takes_its_time_until_it_is_speeded_up() {
    let (disk, delays) = (
        SimulatedDisk::new(1),
        Duration::from_millis(5)..Duration::from_secs(2),
    );
    let process = disk.attach();
    let clock = Environment::simulated(1, disk.clone());
    let begun = clock.now();
    turn(&process).await;
    assert_eq!(clock.now() - begun, Duration::ZERO);

    disk.slow_down(delays.clone());
    let mut took = BTreeSet::new();
    for _ in 0..50 {
        let begun = clock.now();
        turn(&process).await;
        took.insert(clock.now() - begun);
    }
    disk.speed_up();

    let tick = Duration::from_millis(1);
    assert!(
        took.iter()
            .all(|it| (delays.start..delays.end + tick).contains(it))
    );
    assert!(took.len() > 10, "{took:?}");
    assert_eq!(process.busy_for(), Duration::ZERO);
}

#[test]
fn what_a_crash_destroys_does_not_depend_on_how_slow_the_disk_was() {
    let crash = |is_slow| {
        let (disk, mut file) = disk_with_log(3, b"synced");
        if is_slow {
            disk.slow_down(Duration::from_millis(1)..Duration::from_secs(1));
            assert!(!disk.busy_for().is_zero());
        }
        file.append(&[1; 1_000]).unwrap();
        disk.crash();
        disk.read(log()).unwrap()
    };

    assert_eq!(crash(true), crash(false));
}
