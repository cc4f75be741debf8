//! What can go wrong in a simulated cluster.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use raftwire_transport::memory::LinkProfile;

/// Which node something happens to; decided when it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The node of this number, counted from 0 and modulo their count.
    Node(usize),
    /// Whoever leads then; node 0 where nobody does.
    Leader,
    /// The nth node that does not lead.
    Follower(usize),
}

/// Which way packets no longer go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Neither way.
    Both,
    /// What the node sends is lost; it still hears.
    Out,
    /// What is sent to the node is lost; it is still heard.
    In,
}

/// How a node ends without its will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The machine loses power: what was not synced may be lost.
    PowerLoss,
    /// The process is killed: nothing that was written is lost.
    Killed,
}

/// What a disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// The nth sync fails with `EIO`.
    Sync(u64),
    /// The nth append fails with `EIO`, after a part of it was written.
    TornAppend(u64),
    /// No room is left after so many bytes.
    Full(u64),
}

/// What has become of a node that its operator removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Its process was killed. It comes back with all that it knew.
    Killed,
    /// Its machine is lost. A fresh one comes in its place, under the same name.
    Replaced,
    /// It runs, and nobody reaches it. It comes back with its sockets.
    CutOff,
}

/// Something that goes wrong, and is put right after a while.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A node is cut off from all others.
    Isolate(Whom, Direction),
    /// Two nodes are cut off from each other, and reach all others.
    Separate(Whom, Whom, Direction),
    /// The nodes whose bit is set are cut off from the rest.
    Partition(u8),
    /// The whole network becomes this bad.
    Weather(LinkProfile),
    /// Nodes end at once, and are started again at the end of the fault. `silent`: the others are
    /// not told, as when a machine vanishes.
    Crash {
        /// Which.
        whom: Vec<Whom>,
        /// What becomes of their disks.
        how: Crash,
        /// Whether their peers notice nothing but silence.
        silent: bool,
    },
    /// A disk fails. The node has to stop; it is killed and started again at the end of the fault.
    Disk(Whom, DiskError),
    /// A disk is slow: each piece of work takes as long as is drawn from the range. It may cost the node
    /// its lease, and the lead.
    SlowDisk(Whom, Range<Duration>),
    /// A node is lost, and its operator removes it from the cluster as soon as it is dead, asking all
    /// other nodes; at the end of the fault it comes back, removed or not.
    Remove(Whom, Loss),
    /// A node ends and comes back without its disk: the cluster has to take it in anew, and give it
    /// the vote of its former self.
    Wipe(Whom),
    /// A node is stopped as its operator would, and started again at the end of the fault.
    Stop(Whom),
}

/// A fault with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedFault {
    /// When it begins, from the beginning of the simulation.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// What it is.
    pub fault: Fault,
}

impl fmt::Display for PlannedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PlannedFault { at, lasts, fault } = self;
        let end = *at + *lasts;
        write!(
            f,
            "{:.3}–{:.3} s: {fault:?}",
            at.as_secs_f64(),
            end.as_secs_f64()
        )
    }
}
