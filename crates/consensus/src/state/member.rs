use raftwire_protocol::{Boot, Incarnation, RaftId, Session, Slot};

use super::{DownReason, WireVersions};

/// A node of the cluster, as the log knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// The identity of the node's data.
    pub raft_id: RaftId,
    /// The identity of the node's process.
    pub session: Session,
    /// What the log issued when this session became a member, or came back as one.
    pub incarnation: Incarnation,
    /// The place of the node in connection ids.
    pub slot: Slot,
    /// Which process has the slot: one boot each, also across rejoins.
    pub boot: Boot,
    /// The index of the entry that issued the incarnation.
    pub joined_at: u64,
    /// Whether the incarnation lives.
    pub liveness: Liveness,
    /// The incarnation before this one, and what ended it.
    pub predecessor: Option<Predecessor>,
    /// Where other nodes reach this one, if it listens.
    pub address: Option<String>,
    /// Whether the node keeps its log in memory only.
    pub ephemeral: bool,
    /// Whether the node takes no seat: it never votes, and has no copy of the log.
    pub edge: bool,
    /// The wire and state versions that the node speaks.
    pub versions: WireVersions,
}

/// Whether an incarnation lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// No entry has ended it.
    Alive,
    /// It ended.
    Dead {
        /// The index of the entry that ended it.
        at: u64,
        /// Why.
        reason: DownReason,
    },
}

/// An incarnation that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predecessor {
    /// Which.
    pub incarnation: Incarnation,
    /// The index of the entry that ended it.
    pub ended_at: u64,
    /// Why it ended.
    pub reason: DownReason,
}

/// What the log issued to this node's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Fences data, leases and owned facts.
    pub incarnation: Incarnation,
    /// For minted connection ids.
    pub slot: Slot,
    /// For minted connection ids.
    pub boot: Boot,
}

impl Member {
    /// Whether the incarnation lives.
    pub fn is_alive(&self) -> bool {
        self.liveness == Liveness::Alive
    }

    /// The index of the last entry that changed this row.
    pub(crate) fn changed_at(&self) -> u64 {
        match self.liveness {
            Liveness::Alive => self.joined_at,
            Liveness::Dead { at, .. } => self.joined_at.max(at),
        }
    }

    /// What the log issued to the member's session.
    pub fn membership(&self) -> Membership {
        Membership {
            incarnation: self.incarnation,
            slot: self.slot,
            boot: self.boot,
        }
    }

    /// How the present incarnation ended, or what a newer session's join at `index` does to it.
    pub(super) fn ended_by_join(&self, index: u64) -> Predecessor {
        let (ended_at, reason) = match self.liveness {
            Liveness::Alive => (index, DownReason::Superseded),
            Liveness::Dead { at, reason } => (at, reason),
        };
        Predecessor {
            incarnation: self.incarnation,
            ended_at,
            reason,
        }
    }
}
