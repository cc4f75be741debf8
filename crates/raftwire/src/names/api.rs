//! Names, as an application asks for them.

use raftwire_consensus::NamePolicy;
use raftwire_protocol::{ConnectionId, MintedId, Name};

use super::{NamedConnectionError, RegisterNameError};
use crate::manager::{ClusterManager, Inner};
use crate::{ConnectionInfo, Outbox};

impl ClusterManager {
    /// Gives a connection of this node a name, by which every node can send to it from now on: the
    /// name is unique in the cluster. The connection keeps its own id beside it, and has the name
    /// until it ends, or gives it up ([`unregister_name`](Self::unregister_name)), or another
    /// connection takes it over, which closes this one with
    /// [`CloseCode::SUPERSEDED`](crate::CloseCode::SUPERSEDED). Returns the name as the id of the
    /// connection.
    ///
    /// A registration is an entry of the cluster's log; those of one moment share an entry. After
    /// a take-over, senders that have not heard of it may reach the older connection until that
    /// one's node has; none reaches it by the new registration.
    ///
    /// # Errors
    /// See [`RegisterNameError`].
    ///
    /// # Cancel safety
    /// A dropped future forgets the answer; the connection may get the name all the same.
    pub async fn register_name(
        &self,
        connection: &ConnectionId,
        name: Name,
        policy: NamePolicy,
    ) -> Result<ConnectionId, RegisterNameError> {
        let id = self.inner.local_id(connection);
        let id = id.ok_or(RegisterNameError::NoSuchConnection)?;
        self.inner.names.register(id, name.clone(), policy).await?;
        Ok(ConnectionId::Named(name))
    }

    /// Takes the name from the connection of this node that has it; the connection stays. The
    /// cluster hears of it as soon as there is a leader. A name that no connection of this node
    /// has is nothing to do.
    pub fn unregister_name(&self, name: &Name) {
        self.inner.names.unregister(name);
    }

    /// Gives a new client connection an outbox, as [`accept`](Self::accept) does, and a name, as
    /// [`register_name`](Self::register_name) does.
    ///
    /// # Errors
    /// See [`NamedConnectionError`]. The connection is not there after an error.
    ///
    /// # Cancel safety
    /// A dropped future takes the connection with it.
    pub async fn accept_named(
        &self,
        endpoint: &str,
        info: ConnectionInfo,
        name: Name,
        policy: NamePolicy,
    ) -> Result<(ConnectionId, Outbox), NamedConnectionError> {
        let (connection, outbox) = self.accept(endpoint, info)?;
        let named = self.register_name(&connection, name, policy).await?;
        Ok((named, outbox))
    }

    /// Registers a connection of the application's under a name that it chooses. Its messages go to
    /// the application's [`ConnectionProvider`](crate::ConnectionProvider), which knows it by that
    /// name, from this call on.
    ///
    /// # Errors
    /// See [`NamedConnectionError`]. The connection is not there after an error.
    ///
    /// # Cancel safety
    /// A dropped future takes the connection with it.
    pub async fn register_named(
        &self,
        name: Name,
        endpoint: &str,
        info: ConnectionInfo,
        policy: NamePolicy,
    ) -> Result<ConnectionId, NamedConnectionError> {
        let connection = self.register_connection(endpoint, info)?;
        let mut unnamed = Unnamed {
            inner: &self.inner,
            id: self.inner.local_id(&connection),
        };
        let named = self.register_name(&connection, name, policy).await?;
        unnamed.id = None;
        Ok(named)
    }
}

/// A connection that is not there to stay unless it gets its name.
struct Unnamed<'a> {
    inner: &'a Inner,
    id: Option<MintedId>,
}

impl Drop for Unnamed<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.inner.table.remove(&id);
        }
    }
}

impl Inner {
    /// The id that this node gave to one of its connections.
    pub(crate) fn local_id(&self, connection: &ConnectionId) -> Option<MintedId> {
        match connection {
            ConnectionId::Minted(id) => Some(*id),
            ConnectionId::Named(name) => self.names.connection(name),
        }
    }
}
