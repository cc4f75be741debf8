//! Draws scenarios.

use std::ops::Range;
use std::time::Duration;

use raftwire::{Secret, WrongVariants};
use raftwire_transport::memory::LinkProfile;

use super::{
    Carrier, Crash, Direction, DiskError, Fault, Load, Loss, NodePlan, Part, PlannedFault,
    Rotation, Scenario, Whom,
};
use crate::dice::Dice;

/// How many nodes, by how often. Three and five are what people run; one, two and four are where
/// majorities are odd.
const SIZES: [(u64, usize); 5] = [(5, 1), (7, 2), (50, 3), (8, 4), (30, 5)];

/// Share of the clusters of three that have further nodes, in percent.
const LATECOMERS_PERCENT: u64 = 40;

/// Share of the clusters whose packets go by WebSocket, in percent. The memory network is the harder
/// one.
const WEB_SOCKET_PERCENT: u64 = 25;

/// Share of the clusters whose founding is disturbed, in percent.
const FOUNDING_PERCENT: u64 = 25;

/// The smallest cluster that survives the loss of a disk.
const WIPE_NODES_MIN: usize = 3;

/// When a disk may be lost, at the earliest: clusters are founded by then.
const WIPE_MS_MIN: u64 = 9_000;

/// Share of the durable clusters some of whose disks are slow for a while, in percent.
const SLOW_DISKS_PERCENT: u64 = 30;

/// Share of the durable clusters whose operator removes a node that was lost, in percent.
const REMOVAL_PERCENT: u64 = 20;

/// How long a removal takes on a good network, and some more: a leader that is lost is dead after an
/// election and its successor's whole lease.
const REMOVAL_MS: u64 = 8_500;

/// Share of the removals for which nothing else goes wrong meanwhile, in percent. In a storm of other
/// faults few succeed: leaders change before a lease has passed, or there is no majority.
const LULL_PERCENT: u64 = 75;

/// Shares of the clusters with a secret that encrypt, and that exchange it, in percent.
const ENCRYPT_PERCENT: u64 = 40;
const ROTATION_PERCENT: u64 = 35;

/// What nodes with a secret prove to know.
const SECRET: &str = "a secret of simulated clusters";
/// And what they prove to know once it was exchanged.
const NEXT_SECRET: &str = "the next secret of simulated clusters";

/// What mostly goes wrong in a scenario: the weights of the kinds of faults.
///
/// Isolate, separate, partition, weather, crash, disk, stop.
const THEMES: [(u64, [u64; 7]); 5] = [
    (4, [4, 3, 3, 2, 4, 1, 1]),
    (2, [8, 6, 6, 2, 0, 0, 0]),
    (2, [1, 0, 1, 1, 8, 3, 3]),
    (1, [6, 1, 1, 0, 8, 0, 0]),
    (1, [0, 1, 0, 8, 1, 0, 1]),
];

/// Faults of the network only.
const NETWORK_ONLY: [u64; 7] = [5, 4, 4, 2, 0, 0, 0];

pub(super) fn draw(seed: u64) -> Scenario {
    let root = Dice::new(seed);
    let mut dice = root.stream("scenario");
    let founders = *dice.weighted(&SIZES);
    let latecomers = latecomers(&mut root.stream("latecomers"), founders);
    let count = founders + latecomers.len();
    let mut heals_at = dice.millis(12_000..35_000);
    let is_ephemeral = count >= WIPE_NODES_MIN && dice.percent(8);
    let secret = dice.percent(50).then(|| Secret::new(SECRET).ok()).flatten();
    let mut plan = root.stream("faults");
    let mut faults = faults(&mut plan, count, is_ephemeral, heals_at);
    if count >= WIPE_NODES_MIN && plan.percent(if is_ephemeral { 70 } else { 20 }) {
        wipe(&mut plan, count, heals_at, &mut faults);
    }
    if !is_ephemeral {
        slow_disks(&mut root.stream("slow disks"), count, heals_at, &mut faults);
        heals_at = removal(&mut root.stream("removals"), count, heals_at, &mut faults);
    }
    let mut secrets = root.stream("secrets");
    let encrypt = secret.is_some() && secrets.percent(ENCRYPT_PERCENT);
    // Each restart of a node without a disk is the loss of its disk.
    let rotates = secret.is_some() && !is_ephemeral && secrets.percent(ROTATION_PERCENT);
    Scenario {
        seed,
        nodes: nodes(&mut dice, founders, &latecomers),
        carrier: if root.stream("carrier").percent(WEB_SOCKET_PERCENT) {
            Carrier::WebSocket
        } else {
            Carrier::Memory
        },
        is_ephemeral,
        secret,
        encrypt,
        rotation: rotates.then(|| rotation(&mut secrets)).flatten(),
        network: network(&mut dice),
        detects_cuts: dice.percent(60).then(|| dice.millis(300..6_000)),
        faults,
        heals_at,
        load: Load::draw(&mut root.stream("load")),
        wrong: WrongVariants {
            snapshot_every: dice.percent(50).then(|| dice.number(2..40)),
            ..WrongVariants::default()
        },
    }
}

/// One node loses its disk for good. One only: a second one before the first has its vote back can
/// take the majority with it, from which nothing recovers. And not before the cluster is founded.
fn wipe(dice: &mut Dice, count: usize, heals_at: Duration, faults: &mut Vec<PlannedFault>) {
    let millis = u64::try_from(heals_at.as_millis()).unwrap_or(u64::MAX);
    let at = dice.millis(WIPE_MS_MIN..millis);
    let (lasts, fault) = (dice.millis(50..6_000), Fault::Wipe(whom(dice, count)));
    faults.push(PlannedFault { at, lasts, fault });
    faults.sort_by_key(|fault| fault.at);
}

/// Disks that are slow for a while: from a device that is busy to one that hangs.
fn slow_disks(dice: &mut Dice, count: usize, heals_at: Duration, faults: &mut Vec<PlannedFault>) {
    if !dice.percent(SLOW_DISKS_PERCENT) {
        return;
    }
    let millis = u64::try_from(heals_at.as_millis()).unwrap_or(u64::MAX);
    for _ in 0..dice.number(1..4) {
        let (at, lasts) = (dice.millis(1_000..millis), dice.millis(500..12_000));
        let most = *dice.weighted(&[(3, 60), (3, 500), (2, 3_000)]);
        let fault = Fault::SlowDisk(
            whom(dice, count),
            dice.millis(5..50)..Duration::from_millis(most),
        );
        faults.push(PlannedFault { at, lasts, fault });
    }
    faults.sort_by_key(|fault| fault.at);
}

/// One node is lost, and removed once it is dead. One only, and not where another loses its disk, for the
/// reason why only one does. When all is put right: not before the node could be removed.
fn removal(
    dice: &mut Dice,
    count: usize,
    heals_at: Duration,
    faults: &mut Vec<PlannedFault>,
) -> Duration {
    let loses_disk = |planned: &PlannedFault| matches!(planned.fault, Fault::Wipe(_));
    if count < WIPE_NODES_MIN || faults.iter().any(loses_disk) || !dice.percent(REMOVAL_PERCENT) {
        return heals_at;
    }
    let millis = u64::try_from(heals_at.as_millis()).unwrap_or(u64::MAX);
    let latest = millis.saturating_sub(REMOVAL_MS).max(WIPE_MS_MIN + 1);
    let at = dice.millis(WIPE_MS_MIN..latest);
    let lasts = dice.millis(REMOVAL_MS..2 * REMOVAL_MS);
    let loss = *dice.pick(&[Loss::Killed, Loss::Replaced, Loss::CutOff]);
    let fault = Fault::Remove(whom(dice, count), loss);
    let removed_by = at + Duration::from_millis(REMOVAL_MS);
    if dice.percent(LULL_PERCENT) {
        lull(at..removed_by, faults);
    }
    faults.push(PlannedFault { at, lasts, fault });
    faults.sort_by_key(|fault| fault.at);
    heals_at.max(removed_by)
}

/// Nothing goes wrong in this time: what does has ended before, or begins afterwards.
fn lull(time: Range<Duration>, faults: &mut Vec<PlannedFault>) {
    faults.retain(|fault| !time.contains(&fault.at));
    for fault in faults.iter_mut().filter(|fault| fault.at < time.start) {
        fault.lasts = fault.lasts.min(time.start - fault.at);
    }
}

/// The exchange of the secret, early enough for some nodes at least.
fn rotation(dice: &mut Dice) -> Option<Rotation> {
    Some(Rotation {
        secret: Secret::new(NEXT_SECRET).ok()?,
        begins_at: dice.millis(4_000..14_000),
    })
}

/// What comes to the cluster of so many founders beside them.
fn latecomers(dice: &mut Dice, founders: usize) -> Vec<Part> {
    if founders != 3 || !dice.percent(LATECOMERS_PERCENT) {
        return Vec::new();
    }
    let count = dice.number(1..4);
    (0..count)
        .map(|_| *dice.pick(&[Part::Latecomer, Part::Edge]))
        .collect()
}

pub(super) fn nodes(dice: &mut Dice, founders: usize, latecomers: &[Part]) -> Vec<NodePlan> {
    // Rates differ by less than a quarter, which is what leases allow for.
    let drift = *dice.pick(&[0, 1_000, 100_000]);
    let late = *dice.pick(&[1, 50, 3_000]);
    let plan = |number| NodePlan {
        node: super::staged::name(number),
        starts_at: dice.millis(0..late),
        drift_ppm: i32::try_from(dice.number(0..2 * drift + 1)).unwrap_or(0)
            - i32::try_from(drift).unwrap_or(0),
        part: match number.checked_sub(founders) {
            Some(late) => latecomers[late],
            None => Part::Founder,
        },
    };
    (0..founders + latecomers.len()).map(plan).collect()
}

fn network(dice: &mut Dice) -> LinkProfile {
    match dice.number(0..10) {
        0..=2 => LinkProfile::default(),
        3..=5 => delayed(dice, 8_000),
        6..=7 => {
            let calm = delayed(dice, 8_000);
            lossy(dice, calm, 0.05)
        }
        _ => {
            let slow = delayed(dice, 20_000);
            lossy(dice, slow, 0.2)
        }
    }
}

fn delayed(dice: &mut Dice, micros_max: u64) -> LinkProfile {
    let least = dice.number(100..micros_max / 4);
    let most = dice.number(least + 1..micros_max);
    let delay = Duration::from_micros(least)..Duration::from_micros(most);
    LinkProfile {
        delay,
        ..LinkProfile::default()
    }
}

fn lossy(dice: &mut Dice, profile: LinkProfile, worst: f64) -> LinkProfile {
    LinkProfile {
        loss: dice.fraction(0.0..worst),
        duplicate: dice.fraction(0.0..worst),
        reorder: dice.fraction(0.0..worst * 1.5),
        ..profile
    }
}

/// Faults one after the other, some of which overlap.
fn faults(
    dice: &mut Dice,
    count: usize,
    is_ephemeral: bool,
    heals_at: Duration,
) -> Vec<PlannedFault> {
    let mut kinds = *dice.weighted(&THEMES);
    if is_ephemeral {
        // Each end of such a node is the loss of its disk.
        kinds = NETWORK_ONLY;
    }
    let gap_max = *dice.pick(&[1_000, 3_000, 7_000]);
    let mut faults = Vec::new();
    // A cluster is founded when all its nodes have met: in some seeds even that is disturbed.
    let mut at = if dice.percent(FOUNDING_PERCENT) {
        dice.millis(200..4_000)
    } else {
        dice.millis(4_500..7_000)
    };
    while at < heals_at {
        let lasts = match dice.number(0..10) {
            0..=3 => dice.millis(50..1_500),
            4..=7 => dice.millis(1_000..6_000),
            _ => dice.millis(5_000..12_000),
        };
        let fault = fault(dice, &kinds, count);
        faults.push(PlannedFault { at, lasts, fault });
        at += dice.millis(50..gap_max);
    }
    faults
}

fn fault(dice: &mut Dice, kinds: &[u64; 7], count: usize) -> Fault {
    let [isolate, separate, partition, weather, crash, disk, stop] = *kinds;
    // One node has nobody to be cut off from.
    let cuts = u64::from(count > 1);
    let kinds = [
        (isolate * cuts, 0),
        (separate * cuts, 1),
        (partition * cuts, 2),
        (weather * cuts, 3),
        (crash + u64::from(count == 1), 4),
        (disk, 5),
        (stop, 6),
    ];
    match dice.weighted(&kinds) {
        0 => Fault::Isolate(whom(dice, count), direction(dice)),
        1 => Fault::Separate(whom(dice, count), whom(dice, count), direction(dice)),
        2 => Fault::Partition(u8::try_from(dice.number(1..(1 << count) - 1)).unwrap_or(1)),
        3 => {
            let slow = delayed(dice, 50_000);
            Fault::Weather(lossy(dice, slow, 0.5))
        }
        4 => crash_of(dice, count),
        5 => Fault::Disk(whom(dice, count), disk_error(dice)),
        _ => Fault::Stop(whom(dice, count)),
    }
}

fn crash_of(dice: &mut Dice, count: usize) -> Fault {
    let victims = match dice.number(0..10) {
        0..=5 => 1,
        6..=8 => 1 + dice.index(count),
        _ => count,
    };
    let whom = if victims == 1 {
        vec![whom(dice, count)]
    } else {
        let first = dice.index(count);
        (0..victims).map(|next| Whom::Node(first + next)).collect()
    };
    let how = *dice.pick(&[Crash::PowerLoss, Crash::Killed]);
    Fault::Crash {
        whom,
        how,
        silent: dice.percent(30),
    }
}

fn whom(dice: &mut Dice, count: usize) -> Whom {
    match dice.number(0..10) {
        0..=4 => Whom::Leader,
        5..=6 => Whom::Follower(dice.index(count)),
        _ => Whom::Node(dice.index(count)),
    }
}

fn direction(dice: &mut Dice) -> Direction {
    *dice.weighted(&[
        (2, Direction::Both),
        (1, Direction::Out),
        (1, Direction::In),
    ])
}

fn disk_error(dice: &mut Dice) -> DiskError {
    match dice.number(0..4) {
        0..=1 => DiskError::Sync(dice.number(1..20)),
        2 => DiskError::TornAppend(dice.number(1..20)),
        _ => DiskError::Full(dice.number(0..4_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lost nodes of the first scenarios, with the scenarios.
    fn removals() -> Vec<(Scenario, PlannedFault)> {
        let is_removal = |fault: &&PlannedFault| matches!(fault.fault, Fault::Remove(..));
        let scenarios = (1..=1_000).map(draw);
        let with_removal = scenarios.filter_map(|scenario| {
            let removal = scenario.faults.iter().find(is_removal)?.clone();
            Some((scenario, removal))
        });
        with_removal.collect()
    }

    #[test]
    fn a_lost_node_can_be_removed_before_all_is_put_right() {
        let removals = removals();

        assert!(removals.len() > 50, "{}", removals.len());
        for (scenario, removal) in removals {
            let removed_by = removal.at + Duration::from_millis(REMOVAL_MS);
            assert!(scenario.heals_at >= removed_by, "seed {}", scenario.seed);
            assert!(removal.lasts >= Duration::from_millis(REMOVAL_MS));
        }
    }

    #[test]
    fn most_removals_are_disturbed_by_nothing_else_and_some_are() {
        let removals = removals();
        let is_disturbed = |(scenario, removal): &&(Scenario, PlannedFault)| {
            let until = removal.at + Duration::from_millis(REMOVAL_MS);
            let mut others = scenario.faults.iter().filter(|fault| *fault != removal);
            others.any(|fault| fault.at < until && fault.at + fault.lasts > removal.at)
        };

        let disturbed = removals.iter().filter(is_disturbed).count();

        let share = disturbed * 100 / removals.len();
        assert!((10..40).contains(&share), "{share} %");
    }
}
