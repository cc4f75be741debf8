//! What a connection of this node belongs to: a user, and any number of groups.

use std::collections::BTreeMap;

use raftwire_protocol::{ConnectionId, Group, MintedId, NodeId, UserId};

use crate::manager::ClusterManager;
use crate::report::minted;
use crate::{MembershipError, OwnedFactsView};

impl ClusterManager {
    /// Says whose connection this is; `None`: nobody's any more. A user may have any number of
    /// connections, on any nodes. Other nodes hear of it some milliseconds later.
    ///
    /// # Errors
    /// See [`MembershipError`]; nothing has changed then.
    pub fn set_user(
        &self,
        connection: &ConnectionId,
        user: Option<UserId>,
    ) -> Result<(), MembershipError> {
        let id = minted(connection).ok_or(MembershipError::NotHere)?;
        let memberships = self.inner.facts.memberships();
        memberships.set_user(id, user, || self.is_registered(id))
    }

    /// Adds a connection of this node to a group, until it leaves or ends. Other nodes hear of it some
    /// milliseconds later, and what they send meanwhile misses it; what this node sends reaches it.
    ///
    /// # Errors
    /// See [`MembershipError`]; nothing has changed then.
    pub fn join(&self, connection: &ConnectionId, group: Group) -> Result<(), MembershipError> {
        let id = minted(connection).ok_or(MembershipError::NotHere)?;
        let memberships = self.inner.facts.memberships();
        memberships.join(id, group, || self.is_registered(id))
    }

    /// Adds a connection of this node to a group, and waits until every living node knows that this
    /// node has such connections: what any of them sends to the group from then on is for this one too.
    ///
    /// It waits for a node that does not answer until the cluster holds it dead, and without a majority
    /// for as long as that lasts: give it a time limit of your own. The connection is in the group
    /// from the first poll on, however the waiting ends.
    ///
    /// # Errors
    /// See [`MembershipError`].
    ///
    /// # Cancel safety
    /// Cancel safe: the connection stays in the group.
    pub async fn join_settled(
        &self,
        connection: &ConnectionId,
        group: Group,
    ) -> Result<(), MembershipError> {
        self.join(connection, group)?;
        self.inner.facts.settled().await
    }

    /// Takes a connection of this node out of a group. Not being in it is nothing to do.
    pub fn leave(&self, connection: &ConnectionId, group: &Group) {
        if let Some(id) = minted(connection) {
            self.inner.facts.memberships().leave(id, group);
        }
    }

    /// The user and the groups of a connection of this node, the groups in their order.
    ///
    /// # Errors
    /// [`MembershipError::NotHere`].
    pub fn memberships(
        &self,
        connection: &ConnectionId,
    ) -> Result<(Option<UserId>, Vec<Group>), MembershipError> {
        let id = minted(connection).filter(|id| self.is_registered(id));
        let id = id.ok_or(MembershipError::NotHere)?;
        Ok(self.inner.facts.memberships().of(id))
    }

    /// How far each living node's history of its users and groups is, as this node knows it; this node's
    /// own is among them, exactly. For diagnosis: a copy that stays behind its node, or is not current
    /// for long, says that the two cannot reach each other.
    pub fn owned_facts(&self) -> BTreeMap<NodeId, OwnedFactsView> {
        self.inner.facts.views(self.node_id())
    }

    fn is_registered(&self, id: &MintedId) -> bool {
        self.inner.table.contains(id)
    }
}
