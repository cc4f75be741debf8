//! Scenarios for one question each.

use std::time::Duration;

use raftwire::{NodeId, OutboxPolicy, Secret, WrongVariants};
use raftwire_transport::memory::LinkProfile;

use super::{
    Carrier, Crash, Direction, Fault, Load, Loss, NodePlan, Part, PlannedFault, Rotation, Scenario,
    Whom,
};
use crate::dice::Dice;

/// The name of the node of this number, counted from 0.
#[allow(clippy::expect_used)] // letters and a number are a node id
pub(super) fn name(number: usize) -> NodeId {
    format!("node{}", number + 1).parse().expect("a node id")
}

impl Scenario {
    /// A scenario without faults on a good network, of so many nodes, that is put right (from
    /// nothing) after `heals_at`. What the others begin with.
    pub fn calm(seed: u64, count: usize, heals_at: Duration) -> Scenario {
        let plan = |number| NodePlan {
            node: name(number),
            starts_at: Duration::ZERO,
            drift_ppm: 0,
            part: Part::Founder,
        };
        Scenario {
            seed,
            nodes: (0..count).map(plan).collect(),
            carrier: Carrier::Memory,
            is_ephemeral: false,
            secret: None,
            encrypt: false,
            rotation: None,
            network: LinkProfile::default(),
            detects_cuts: Some(Duration::from_secs(3)),
            faults: Vec::new(),
            heals_at,
            load: Load {
                clients_per_node: 3,
                senders_per_node: 1,
                pause_ms: 1..40,
                outbox_bytes_max: 1 << 20,
                outbox_policy: OutboxPolicy::Close,
                large_percent: 1,
                unruly_percent: 0,
                names: 0,
                named_percent: 0,
                crowd_per_node: 1,
                broadcast_ms_max: 1_000,
            },
            wrong: WrongVariants::default(),
        }
    }

    /// Elections among nodes that keep crashing: whoever forgets how it voted is found out.
    pub fn election_storm(seed: u64) -> Scenario {
        let mut dice = Dice::new(seed).stream("election storm");
        let mut scenario = Scenario::calm(seed, 3, Duration::from_secs(20));
        let mut at = Duration::from_secs(2);
        while at < scenario.heals_at {
            let fault = match dice.number(0..3) {
                0 => Fault::Isolate(Whom::Leader, Direction::Both),
                _ => Fault::Crash {
                    whom: vec![Whom::Leader, Whom::Follower(dice.index(3))],
                    how: *dice.pick(&[Crash::PowerLoss, Crash::Killed]),
                    silent: dice.percent(50),
                },
            };
            let lasts = dice.millis(5..1_500);
            scenario.faults.push(PlannedFault { at, lasts, fault });
            at += dice.millis(300..1_500);
        }
        scenario
    }

    /// A network that loses and repeats: whoever does not tell a repetition is found out.
    pub fn repeating_network(seed: u64) -> Scenario {
        let mut scenario = Scenario::calm(seed, 3, Duration::from_secs(8));
        scenario.network = LinkProfile::bad();
        scenario
    }

    /// Nodes that reach each other but not the leader, for about as long as a lease: whoever
    /// delivers without its lease is found out.
    pub fn leaderless_pairs(seed: u64) -> Scenario {
        let mut dice = Dice::new(seed).stream("leaderless pairs");
        let mut scenario = Scenario::calm(seed, 3, Duration::from_secs(20));
        for at in [3, 12] {
            scenario.faults.push(PlannedFault {
                at: Duration::from_secs(at),
                lasts: dice.millis(3_500..8_000),
                fault: Fault::Separate(
                    Whom::Leader,
                    Whom::Follower(dice.index(2)),
                    Direction::Both,
                ),
            });
        }
        scenario
    }

    /// An even number of nodes, cut in the middle, again and again.
    pub fn cut_in_half(seed: u64, count: usize) -> Scenario {
        let mut dice = Dice::new(seed).stream("cut in half");
        let mut scenario = Scenario::calm(seed, count, Duration::from_secs(30));
        let half = (1_u64 << (count / 2)) - 1;
        let mut at = Duration::from_secs(3);
        while at < scenario.heals_at {
            let shift = dice.number(0..u64::try_from(count / 2).unwrap_or(1) + 1);
            let fault = Fault::Partition(u8::try_from(half << shift).unwrap_or(1));
            let lasts = dice.millis(1_000..10_000);
            scenario.faults.push(PlannedFault { at, lasts, fault });
            at += lasts + dice.millis(500..3_000);
        }
        scenario
    }

    /// A good network, and a leader that is killed: how long is there none?
    pub fn leader_killed(seed: u64) -> Scenario {
        let mut dice = Dice::new(seed).stream("leader killed");
        let mut scenario = Scenario::calm(seed, 3, Duration::from_secs(12));
        scenario.faults.push(PlannedFault {
            at: dice.millis(3_000..5_000),
            lasts: dice.millis(1_000..8_000),
            fault: Fault::Crash {
                whom: vec![Whom::Leader],
                how: Crash::Killed,
                silent: dice.percent(50),
            },
        });
        scenario
    }

    /// Nodes that are lost one after the other, and removed: each comes back as a new member, with its
    /// data, without it, or with its sockets, while a latecomer takes the seat.
    pub fn removals(seed: u64) -> Scenario {
        let mut dice = Dice::new(seed).stream("removals, staged");
        let founders = *dice.pick(&[3, 3, 5]);
        let late = dice.index(2);
        let mut scenario = Scenario::calm(seed, founders + late, Duration::from_secs(62));
        for plan in scenario.nodes.iter_mut().skip(founders) {
            plan.part = Part::Latecomer;
        }
        scenario.load.names = 4;
        scenario.load.named_percent = 30;
        let mut at = dice.millis(3_000..6_000);
        while at < Duration::from_secs(46) {
            let loss = *dice.pick(&[Loss::Killed, Loss::Replaced, Loss::CutOff]);
            let whom = match dice.number(0..3) {
                0 => Whom::Leader,
                _ => Whom::Node(dice.index(founders + late)),
            };
            // A node is dead after its lease of some 5 s.
            let lasts = dice.millis(7_000..11_000);
            let fault = Fault::Remove(whom, loss);
            scenario.faults.push(PlannedFault { at, lasts, fault });
            at += lasts + dice.millis(2_000..5_000);
        }
        scenario
    }

    /// The secret is exchanged under load, with sealed packets or without.
    pub fn new_secret(seed: u64) -> Scenario {
        let mut dice = Dice::new(seed).stream("new secret");
        let mut scenario = Scenario::calm(seed, 3, Duration::from_secs(30));
        scenario.secret = Secret::new("the secret until now").ok();
        let secret = Secret::new("the secret from now on").ok();
        let begins_at = dice.millis(3_000..5_000);
        scenario.rotation = secret.map(|secret| Rotation { secret, begins_at });
        scenario.encrypt = dice.percent(50);
        if dice.percent(50) {
            scenario.carrier = Carrier::WebSocket;
        } else {
            scenario.network = LinkProfile::bad();
        }
        scenario
    }

    /// Disks that are slow, up to hanging for seconds, one at a time and all at once.
    pub fn slow_disks(seed: u64) -> Scenario {
        let mut dice = Dice::new(seed).stream("slow disks, staged");
        let mut scenario = Scenario::calm(seed, 3, Duration::from_secs(30));
        scenario.load.names = 4;
        scenario.load.named_percent = 30;
        let mut at = dice.millis(500..4_000);
        while at < scenario.heals_at {
            let most = Duration::from_millis(*dice.pick(&[60, 500, 3_000]));
            let fault = Fault::SlowDisk(Whom::Node(dice.index(3)), dice.millis(5..50)..most);
            let lasts = dice.millis(1_000..12_000);
            scenario.faults.push(PlannedFault { at, lasts, fault });
            at += dice.millis(500..4_000);
        }
        scenario
    }
}
