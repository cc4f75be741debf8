//! A scenario: everything that one seed decides before the simulation begins.

mod draw;
mod fault;
mod load;
mod staged;

use std::fmt;
use std::time::Duration;

use raftwire::{NodeId, Secret, WrongVariants};
use raftwire_transport::memory::LinkProfile;

use crate::dice::Dice;

pub use self::fault::{Crash, Direction, DiskError, Fault, Loss, PlannedFault, Whom};
pub use self::load::{Habit, Load};

/// One node as the scenario has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePlan {
    /// Its name.
    pub node: NodeId,
    /// When its machine is switched on.
    pub starts_at: Duration,
    /// How wrong its boot-time clock runs, in millionths.
    pub drift_ppm: i32,
    /// Whether it founds the cluster, or comes to it later.
    pub part: Part,
}

/// What a node is in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It is in everybody's list.
    Founder,
    /// It is in nobody's list, and knows the founders: it may stand by, and vote if it is needed.
    Latecomer,
    /// The same, but it never votes and never gets the log.
    Edge,
}

/// The exchange of the secret: each node is restarted with both secrets, and then with the new one
/// alone. As far as there is time for it.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The secret from then on.
    pub secret: Secret,
    /// When the first node is restarted.
    pub begins_at: Duration,
}

/// What carries packets between the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// The memory network: it loses, repeats and reorders as the profiles say.
    Memory,
    /// WebSockets over simulated TCP. It delays and is cut; it never loses, for nothing in simulated
    /// TCP would send again.
    WebSocket,
}

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// All else was drawn from it, and all chances during the run are.
    pub seed: u64,
    /// The nodes; each lists the founders.
    pub nodes: Vec<NodePlan>,
    /// What carries packets between them.
    pub carrier: Carrier,
    /// Whether the nodes keep nothing on disk.
    pub is_ephemeral: bool,
    /// What the nodes prove to know.
    pub secret: Option<Secret>,
    /// Whether they encrypt what they say to each other; with a secret only.
    pub encrypt: bool,
    /// Whether another secret takes the place of the first; where there is one.
    pub rotation: Option<Rotation>,
    /// The network where no fault makes it worse.
    pub network: LinkProfile,
    /// After how long a transport notices a cut; `None`: never.
    pub detects_cuts: Option<Duration>,
    /// What goes wrong, by the time at which it begins.
    pub faults: Vec<PlannedFault>,
    /// When everything is put right.
    pub heals_at: Duration,
    /// What clients and senders do.
    pub load: Load,
    /// What the nodes do wrong on purpose, and how often they take snapshots.
    pub wrong: WrongVariants,
}

impl Scenario {
    /// Draws a scenario from a seed. The same seed is the same scenario.
    pub fn draw(seed: u64) -> Scenario {
        draw::draw(seed)
    }

    /// Random numbers for one purpose in this scenario.
    pub fn dice(&self, purpose: &str) -> Dice {
        Dice::new(self.seed).stream(purpose)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let storage = if self.is_ephemeral {
            "ephemeral"
        } else {
            "durable"
        };
        let secret = if self.secret.is_some() {
            "a secret"
        } else {
            "no secret"
        };
        let encrypt = if self.encrypt { ", encrypted" } else { "" };
        let (seed, count, carrier) = (self.seed, self.nodes.len(), self.carrier);
        writeln!(
            f,
            "seed {seed}: {count} nodes, {carrier:?}, {storage}, {secret}{encrypt}"
        )?;
        if let Some(Rotation { begins_at, .. }) = &self.rotation {
            writeln!(f, "  the secret is exchanged from {begins_at:?} on")?;
        }
        for plan in &self.nodes {
            let NodePlan {
                node,
                starts_at,
                drift_ppm,
                part,
            } = plan;
            writeln!(
                f,
                "  {node}: {part:?}, starts after {starts_at:?}, clock {drift_ppm:+} ppm"
            )?;
        }
        writeln!(f, "  variants: {:?}", self.wrong)?;
        writeln!(f, "  network: {:?}", self.network)?;
        writeln!(f, "  cuts are noticed after: {:?}", self.detects_cuts)?;
        writeln!(f, "  load: {:?}", self.load)?;
        for fault in &self.faults {
            writeln!(f, "  {fault}")?;
        }
        write!(
            f,
            "  {:.3} s: all is put right",
            self.heals_at.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_scenario() {
        let text = |seed| Scenario::draw(seed).to_string();

        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }

    #[test]
    fn every_fault_ends_when_all_is_put_right() {
        for seed in 0..200 {
            let scenario = Scenario::draw(seed);

            let latest = scenario.faults.iter().map(|fault| fault.at).max();

            assert!(
                latest.is_none_or(|at| at < scenario.heals_at),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn two_hundred_seeds_have_every_kind_of_fault_and_size_of_cluster() {
        let scenarios: Vec<_> = (0..200).map(Scenario::draw).collect();
        let has = |wanted: fn(&Fault) -> bool| {
            let mut faults = scenarios.iter().flat_map(|scenario| &scenario.faults);
            faults.any(|planned| wanted(&planned.fault))
        };

        for count in 1..=5 {
            assert!(
                scenarios
                    .iter()
                    .any(|scenario| scenario.nodes.len() == count),
                "{count}"
            );
        }
        assert!(has(|fault| matches!(
            fault,
            Fault::Isolate(Whom::Leader, Direction::Both)
        )));
        assert!(has(|fault| matches!(
            fault,
            Fault::Isolate(_, Direction::Out)
        )));
        assert!(has(|fault| matches!(fault, Fault::Separate(..))));
        assert!(has(|fault| matches!(fault, Fault::Partition(_))));
        assert!(has(|fault| matches!(fault, Fault::Weather(_))));
        assert!(has(|fault| matches!(
            fault,
            Fault::Crash {
                how: Crash::PowerLoss,
                ..
            }
        )));
        assert!(has(|fault| matches!(
            fault,
            Fault::Crash {
                how: Crash::Killed,
                ..
            }
        )));
        assert!(has(|fault| matches!(
            fault,
            Fault::Disk(_, DiskError::Sync(_))
        )));
        assert!(has(|fault| matches!(
            fault,
            Fault::Disk(_, DiskError::TornAppend(_))
        )));
        assert!(has(|fault| matches!(
            fault,
            Fault::Disk(_, DiskError::Full(_))
        )));
        assert!(has(|fault| matches!(fault, Fault::Wipe(_))));
        assert!(has(|fault| matches!(fault, Fault::SlowDisk(..))));
        for loss in [Loss::Killed, Loss::Replaced, Loss::CutOff] {
            let mut faults = scenarios.iter().flat_map(|scenario| &scenario.faults);
            assert!(
                faults.any(|planned| matches!(planned.fault, Fault::Remove(_, it) if it == loss)),
                "{loss:?}"
            );
        }
        assert!(has(|fault| matches!(fault, Fault::Stop(_))));
        assert!(
            scenarios
                .iter()
                .any(|scenario| scenario.carrier == Carrier::WebSocket)
        );
        for part in [Part::Founder, Part::Latecomer, Part::Edge] {
            let mut nodes = scenarios.iter().flat_map(|scenario| &scenario.nodes);
            assert!(nodes.any(|plan| plan.part == part), "{part:?}");
        }
        assert!(scenarios.iter().any(|scenario| scenario.is_ephemeral));
        assert!(scenarios.iter().any(|scenario| scenario.secret.is_some()));
        assert!(scenarios.iter().any(|scenario| scenario.encrypt));
        assert!(scenarios.iter().any(|scenario| scenario.rotation.is_some()));
    }
}
