use std::collections::btree_map::Entry;
use std::time::Duration;

use raftwire_protocol::{Boot, Incarnation, NodeId, RaftId, Slot};

use super::{ClusterState, DownReason, Liveness, Member, NAMES_MAX_CEILING, WireVersions};
use crate::command::{Command, Found, Join, Outcome};

/// How many slots there are: they have 16 bits in a connection id.
pub(super) const SLOTS_MAX: u32 = 1 << 16;

/// The most bytes of a member's address: the longest host name (253), a port, and the scheme.
pub(super) const ADDRESS_BYTES_MAX: usize = 300;

/// A committed command that this version does not know: it cannot go on, since skipping it would
/// leave the node with another state than the rest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the log holds a command at index {index} that this version does not know: \
     this node is older than the cluster and must be upgraded"
)]
pub struct UnknownCommand {
    /// The entry.
    pub index: u64,
}

/// Why a session is not a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinRefusal {
    /// The cluster has no id yet.
    #[error("the cluster is not founded yet")]
    NotFounded,
    /// Another data folder has the name, and its lease has not ended.
    #[error("another node with this node id is alive (raft id {holder})")]
    Duplicate {
        /// The identity of the data that has the name.
        holder: RaftId,
    },
    /// The join expected another incarnation under the name.
    #[error("the join expected another predecessor")]
    Stale {
        /// The incarnation there is.
        current: Option<Incarnation>,
    },
    /// This very session said that it stops.
    #[error("this session has left the cluster")]
    Left,
    /// Every slot is taken by a living node.
    #[error("all {SLOTS_MAX} slots belong to living nodes")]
    NoSlot,
    /// The address is longer than the limit.
    #[error("the address has more than {ADDRESS_BYTES_MAX} bytes")]
    AddressTooLong,
    /// The node does not speak the version that the cluster speaks.
    #[error(
        "the cluster speaks wire version {cluster} and this node speaks {spoken}: run the version \
         of the software that the cluster runs"
    )]
    WireVersion {
        /// The cluster's version.
        cluster: u32,
        /// What the node speaks.
        spoken: WireVersions,
    },
    /// The node's data is of another cluster.
    #[error(
        "the data folder holds the log of another cluster, or of this one before it was recovered \
         as a new one: move the folder away, and start the node with an empty one"
    )]
    OtherCluster,
}

impl ClusterState {
    /// Applies the entry of `term` at `index`; `None` is an entry of the engine itself.
    ///
    /// # Errors
    ///
    /// When the command is of a later version. The state is then unchanged, and the node must stop.
    pub(crate) fn apply(
        &mut self,
        term: u64,
        index: u64,
        command: Option<&Command>,
    ) -> Result<Outcome, UnknownCommand> {
        let outcome = match command {
            None => Outcome::Unchanged,
            Some(Command::Found(found)) => self.found(found),
            Some(Command::Join(join)) => match self.join(index, join) {
                Ok(membership) => Outcome::Joined(membership),
                Err(refusal) => Outcome::JoinRefused(refusal),
            },
            Some(Command::DeclareDead {
                node,
                incarnation,
                term: decided,
            }) => {
                if *decided == term {
                    self.end(index, node, *incarnation, DownReason::LeaseEnded)
                } else {
                    Outcome::Unchanged
                }
            }
            Some(Command::Leave { node, incarnation }) => {
                self.end(index, node, *incarnation, DownReason::Left)
            }
            Some(Command::Remove { node, incarnation }) => self.remove(index, node, *incarnation),
            Some(Command::RaiseWireVersion { version }) => self.raise(index, *version),
            Some(Command::Names(batch)) => {
                match self.names.apply_batch(index, batch, self.names_max) {
                    Ok(answer) => Outcome::Names(answer),
                    Err(refusal) => Outcome::NamesRefused(refusal),
                }
            }
            Some(Command::SweepNames {
                incarnation,
                rows_max,
            }) => {
                if self.names.sweep(*incarnation, *rows_max) {
                    Outcome::Changed
                } else {
                    Outcome::Unchanged
                }
            }
            Some(Command::Unknown(_)) => return Err(UnknownCommand { index }),
        };
        self.applied_index = index;
        Ok(outcome)
    }

    fn found(&mut self, found: &Found) -> Outcome {
        if self.cluster_id.is_some() {
            return Outcome::Unchanged;
        }
        self.cluster_id = Some(found.cluster_id);
        self.founding.clone_from(&found.founding);
        self.ephemeral = found.ephemeral;
        self.lease = Duration::from_millis(found.lease_ms);
        // The first version that there was: it is raised once everybody speaks a later one.
        self.wire_version = 1;
        self.names_max = found.names_max.min(NAMES_MAX_CEILING);
        Outcome::Changed
    }

    fn join(&mut self, index: u64, join: &Join) -> Result<super::Membership, JoinRefusal> {
        if self.cluster_id.is_none() {
            return Err(JoinRefusal::NotFounded);
        }
        if join
            .address
            .as_ref()
            .is_some_and(|address| address.len() > ADDRESS_BYTES_MAX)
        {
            return Err(JoinRefusal::AddressTooLong);
        }
        if join.cluster.is_some() && join.cluster != self.cluster_id {
            return Err(JoinRefusal::OtherCluster);
        }
        if !join.versions.contains(self.wire_version) {
            return Err(JoinRefusal::WireVersion {
                cluster: self.wire_version,
                spoken: join.versions,
            });
        }
        let Some(present) = self.members.get(&join.node) else {
            return self.join_new(index, join);
        };
        let same_data = present.raft_id == join.raft_id;
        let same_session = same_data && present.session == join.session;
        match present.liveness {
            Liveness::Alive if same_session => return Ok(present.membership()),
            Liveness::Alive if !same_data => {
                return Err(JoinRefusal::Duplicate {
                    holder: present.raft_id,
                });
            }
            Liveness::Dead {
                reason: DownReason::Left,
                ..
            } if same_session => {
                return Err(JoinRefusal::Left);
            }
            Liveness::Alive | Liveness::Dead { .. } => {}
        }
        if join.expected != Some(present.incarnation) {
            return Err(JoinRefusal::Stale {
                current: Some(present.incarnation),
            });
        }
        let boot = if same_session {
            present.boot
        } else {
            present.boot.next().ok_or(JoinRefusal::NoSlot)?
        };
        let (slot, predecessor) = (present.slot, present.ended_by_join(index));
        let mut member = self.new_member(index, join, slot, boot);
        member.predecessor = Some(predecessor);
        Ok(self.insert(index, join.node.clone(), member))
    }

    fn join_new(&mut self, index: u64, join: &Join) -> Result<super::Membership, JoinRefusal> {
        if join.expected.is_some() {
            return Err(JoinRefusal::Stale { current: None });
        }
        let (slot, boot) = self.take_slot(index)?;
        let member = self.new_member(index, join, slot, boot);
        Ok(self.insert(index, join.node.clone(), member))
    }

    /// A slot that nobody had, or else that of a removed node, or else that of the node which has
    /// been dead for longest.
    fn take_slot(&mut self, index: u64) -> Result<(Slot, Boot), JoinRefusal> {
        if self.slots_issued < SLOTS_MAX {
            let slot = u16::try_from(self.slots_issued).map_err(|_| JoinRefusal::NoSlot)?;
            self.slots_issued += 1;
            return Ok((Slot::new(slot), Boot::new(1).ok_or(JoinRefusal::NoSlot)?));
        }
        while let Some((slot, boot)) = self.freed_slots.pop_first() {
            // A slot whose boots are used up is of no use to anybody.
            if let Some(boot) = boot.next() {
                return Ok((slot, boot));
            }
        }
        let longest_dead = self
            .members
            .iter()
            .filter_map(|(node, member)| match member.liveness {
                Liveness::Dead { at, .. } => Some((at, node, member.slot, member.boot.next()?)),
                Liveness::Alive => None,
            })
            .min_by_key(|(at, ..)| *at);
        let Some((_, node, slot, boot)) = longest_dead else {
            return Err(JoinRefusal::NoSlot);
        };
        let node = node.clone();
        self.members.remove(&node);
        self.removals.add(index, node);
        Ok((slot, boot))
    }

    fn new_member(&mut self, index: u64, join: &Join, slot: Slot, boot: Boot) -> Member {
        self.last_incarnation += 1;
        Member {
            raft_id: join.raft_id,
            session: join.session,
            incarnation: Incarnation::new(self.last_incarnation),
            slot,
            boot,
            joined_at: index,
            liveness: Liveness::Alive,
            predecessor: None,
            address: join.address.clone(),
            ephemeral: join.ephemeral,
            edge: join.edge,
            versions: join.versions,
        }
    }

    fn insert(&mut self, index: u64, node: NodeId, member: Member) -> super::Membership {
        let membership = member.membership();
        self.names.begin(membership.incarnation, &node);
        if let Some(former) = self.members.insert(node, member) {
            self.names.end(former.incarnation);
        }
        self.changed_at = index;
        membership
    }

    fn end(
        &mut self,
        index: u64,
        node: &NodeId,
        incarnation: Incarnation,
        reason: DownReason,
    ) -> Outcome {
        match self.members.entry(node.clone()) {
            Entry::Occupied(mut row)
                if row.get().is_alive() && row.get().incarnation == incarnation =>
            {
                row.get_mut().liveness = Liveness::Dead { at: index, reason };
                self.changed_at = index;
                self.names.end(incarnation);
                Outcome::Changed
            }
            Entry::Occupied(_) | Entry::Vacant(_) => Outcome::Unchanged,
        }
    }

    fn remove(&mut self, index: u64, node: &NodeId, incarnation: Incarnation) -> Outcome {
        let Entry::Occupied(row) = self.members.entry(node.clone()) else {
            return Outcome::Unchanged;
        };
        if row.get().is_alive() || row.get().incarnation != incarnation {
            return Outcome::NotRemoved;
        }
        let member = row.remove();
        self.freed_slots.insert(member.slot, member.boot);
        self.removals.add(index, node.clone());
        self.changed_at = index;
        Outcome::Changed
    }

    fn raise(&mut self, index: u64, version: u32) -> Outcome {
        if self.cluster_id.is_none() || self.next_wire_version() != Some(version) {
            return Outcome::Unchanged;
        }
        self.wire_version = version;
        self.settings_changed_at = index;
        self.changed_at = index;
        Outcome::Changed
    }

    /// The highest version that every living member speaks, if it is above the present one.
    pub(crate) fn next_wire_version(&self) -> Option<u32> {
        let alive = self.members.values().filter(|member| member.is_alive());
        let version = alive.clone().map(|member| member.versions.max).min()?;
        let everybody = alive
            .clone()
            .all(|member| member.versions.contains(version));
        (everybody && version > self.wire_version).then_some(version)
    }
}
