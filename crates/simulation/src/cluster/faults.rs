//! Faults, as they are done to a cluster and put right again.

use std::collections::BTreeSet;

use raftwire::NodeId;
use raftwire_consensus::Role;
use raftwire_environment::{Fault as DiskFault, SimulatedDisk};
use raftwire_transport::memory::LinkProfile;

use super::Cluster;
use super::cuts::Way;
use super::machine::Power;
use crate::fact::{End, Event};
use crate::scenario::{Crash, Direction, DiskError, Fault, Loss, Whom};

impl Cluster<'_> {
    /// Lets the fault of this number begin.
    pub(crate) fn begin(&mut self, number: usize, fault: &Fault) {
        self.note(format!("fault {number} begins: {fault:?}"));
        match fault {
            Fault::Isolate(whom, direction) => {
                let it = self.resolve(*whom);
                self.isolate(number, it, *direction);
            }
            Fault::Separate(one, other, direction) => {
                let (one, other) = (self.resolve(*one), self.resolve(*other));
                let ways = self.ways(one, other, *direction).into_iter().collect();
                self.cut(number, ways);
            }
            Fault::Partition(side) => {
                let ways = self.ways_across(*side);
                self.cut(number, ways);
            }
            Fault::Weather(profile) => {
                self.weather.insert(number, profile.clone());
                self.set_weather();
            }
            Fault::Crash { whom, how, silent } => {
                let victims: BTreeSet<usize> =
                    whom.iter().map(|whom| self.resolve(*whom)).collect();
                if *silent {
                    self.silence(number, &victims);
                }
                for victim in &victims {
                    self.crash(*victim, *how);
                }
                self.down.insert(number, victims.into_iter().collect());
            }
            Fault::Disk(whom, error) => {
                let victim = self.resolve(*whom);
                let machine = &mut self.machines[victim];
                machine.is_disk_bad = true;
                machine.bay.disk().fail(disk_fault(*error));
                self.down.insert(number, vec![victim]);
            }
            Fault::SlowDisk(whom, delays) => {
                let victim = self.resolve(*whom);
                self.machines[victim].bay.disk().slow_down(delays.clone());
                self.slow.insert(number, victim);
            }
            Fault::Remove(whom, loss) => {
                let victim = self.resolve(*whom);
                match loss {
                    Loss::Killed | Loss::Replaced => self.crash(victim, Crash::Killed),
                    Loss::CutOff => self.isolate(number, victim, Direction::Both),
                }
                self.board
                    .set_to_remove(Some(self.machines[victim].node.clone()));
                self.down.insert(number, vec![victim]);
            }
            Fault::Wipe(whom) => {
                let victim = self.resolve(*whom);
                self.crash(victim, Crash::Killed);
                self.replace_disk(victim);
                self.down.insert(number, vec![victim]);
            }
            Fault::Stop(whom) => {
                let victim = self.resolve(*whom);
                let machine = &mut self.machines[victim];
                if machine.power == Power::On && self.board.ask_to_stop(&machine.node) {
                    machine.power = Power::Stopping { again: false };
                    self.down.insert(number, vec![victim]);
                }
            }
        }
    }

    /// Puts the fault of this number right.
    pub(crate) fn end(&mut self, number: usize, fault: &Fault) {
        self.note(format!("fault {number} ends"));
        let changes = self.cuts.end(number);
        self.wires.change(&self.sim, &changes);
        if self.weather.remove(&number).is_some() {
            self.set_weather();
        }
        if let Some(victim) = self.slow.remove(&number)
            && !self.slow.values().any(|slow| *slow == victim)
        {
            self.machines[victim].bay.disk().speed_up();
        }
        for victim in self.down.remove(&number).unwrap_or_default() {
            if matches!(fault, Fault::Disk(..)) {
                // What the disk did not write is not there, whoever believed it.
                self.crash(victim, Crash::PowerLoss);
            }
            if let Fault::Remove(_, loss) = fault {
                self.board.set_to_remove(None);
                // Another fault may have brought it back before.
                if *loss == Loss::Replaced && self.machines[victim].power == Power::Off {
                    self.replace_disk(victim);
                }
            }
            self.switch_on(victim);
        }
    }

    /// The network is a good one from now on. All faults have ended before.
    pub(crate) fn heal(&mut self) {
        self.note("all is put right".to_owned());
        self.calm = LinkProfile::default();
        self.set_weather();
    }

    fn isolate(&mut self, number: usize, it: usize, direction: Direction) {
        let others = (0..self.machines.len()).filter(|other| *other != it);
        let ways = others
            .flat_map(|other| self.ways(it, other, direction))
            .collect();
        self.cut(number, ways);
    }

    /// Before the cluster is founded the disk stays: it may hold a founding that nobody else has heard of.
    fn replace_disk(&mut self, victim: usize) {
        if !self.is_founded() {
            return;
        }
        let seed = self.disks.seed();
        self.machines[victim].bay.plug_in(SimulatedDisk::new(seed));
    }

    fn cut(&mut self, number: usize, ways: BTreeSet<Way>) {
        let changes = self.cuts.begin(number, ways);
        self.wires.change(&self.sim, &changes);
    }

    fn set_weather(&self) {
        let worst = self
            .weather
            .last_key_value()
            .map_or(&self.calm, |(_, profile)| profile);
        self.wires.set_weather(&self.sim, worst.clone());
    }

    /// Whether a node has applied the entry that gives the cluster its id.
    fn is_founded(&self) -> bool {
        let views = self.board.views();
        views.values().any(|view| view.state.cluster_id.is_some())
    }

    fn resolve(&self, whom: Whom) -> usize {
        let views = self.board.views();
        let leads = views.values().filter(|view| view.role == Role::Leader);
        let leader = leads
            .max_by_key(|view| view.term)
            .map(|view| &view.process.node);
        let position = |node: &NodeId| self.machines.iter().position(|it| it.node == *node);
        let leader = leader.and_then(position).unwrap_or(0);
        let count = self.machines.len();
        match whom {
            Whom::Node(number) => number % count,
            Whom::Leader => leader,
            Whom::Follower(_) if count == 1 => leader,
            Whom::Follower(number) => (leader + 1 + number % (count - 1)) % count,
        }
    }

    /// The ways between two machines that a cut of `one` concerns.
    fn ways(&self, one: usize, other: usize, direction: Direction) -> Vec<Way> {
        let (one, other) = (&self.machines[one].node, &self.machines[other].node);
        if one == other {
            return Vec::new();
        }
        let out = (one.clone(), other.clone());
        let back = (other.clone(), one.clone());
        match direction {
            Direction::Both => vec![out, back],
            Direction::Out => vec![out],
            Direction::In => vec![back],
        }
    }

    fn ways_across(&self, side: u8) -> BTreeSet<Way> {
        let is_inside = |number: usize| side >> number & 1 == 1;
        let inside = (0..self.machines.len()).filter(|number| is_inside(*number));
        inside
            .flat_map(|one| {
                let outside = (0..self.machines.len()).filter(|other| !is_inside(*other));
                outside.flat_map(move |other| self.ways(one, other, Direction::Both))
            })
            .collect()
    }

    /// Cuts machines off from everybody, so that nobody hears of their end.
    fn silence(&mut self, number: usize, victims: &BTreeSet<usize>) {
        let all = 0..self.machines.len();
        let ways = victims
            .iter()
            .flat_map(|victim| {
                all.clone()
                    .flat_map(|other| self.ways(*victim, other, Direction::Both))
            })
            .collect();
        self.cut(number, ways);
    }

    fn crash(&mut self, victim: usize, how: Crash) {
        let now = self.now();
        let machine = &mut self.machines[victim];
        if machine.power == Power::Off {
            return;
        }
        machine.power = Power::Off;
        let process = machine.process();
        self.board.forget(&machine.node);
        self.wires.network.crash(&machine.node);
        self.sim.crash(machine.node.as_str());
        match how {
            Crash::PowerLoss => machine.bay.disk().crash(),
            Crash::Killed => machine.bay.disk().kill(),
        }
        self.board
            .report_at(now, Event::Ended(process, End::Crashed));
    }

    fn switch_on(&mut self, victim: usize) {
        let machine = &mut self.machines[victim];
        match machine.power {
            Power::On => {}
            Power::Stopping { .. } => machine.power = Power::Stopping { again: true },
            Power::Off => {
                machine.bay.disk().kill();
                machine.bay.disk().heal();
                machine.is_disk_bad = false;
                machine.power = Power::On;
                self.sim.bounce(machine.node.as_str());
            }
        }
    }

    /// A node has stopped by itself, or did not start.
    pub(super) fn has_ended(&mut self, node: &NodeId) {
        let Some(victim) = self
            .machines
            .iter()
            .position(|machine| machine.node == *node)
        else {
            return;
        };
        let again = self.machines[victim].power == Power::Stopping { again: true };
        self.machines[victim].power = Power::Off;
        if again {
            self.switch_on(victim);
        }
    }
}

fn disk_fault(error: DiskError) -> DiskFault {
    match error {
        DiskError::Sync(nth) => DiskFault::SyncFails { nth },
        DiskError::TornAppend(nth) => DiskFault::AppendTorn { nth },
        DiskError::Full(after_bytes) => DiskFault::DiskFull { after_bytes },
    }
}
