//! How messages enter this node's connections: the library's outboxes, or the application.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use raftwire_protocol::{CloseCode, ConnectionId, Frame, MintedId};

use super::table::{ConnectionTable, Entry, Registration, TableFull};
use super::{ConnectionInfo, Outbox, OutboxPolicy, PushError, WrittenTicket};

/// Why a message did not enter a connection of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undeliverable {
    /// No such connection, or its socket has ended.
    NotFound,
    /// Its queue is full.
    SlowConsumer,
    /// It does not accept such a message.
    Refused,
}

/// Delivers to the sockets that the application owns.
///
/// Called by the router for messages of this node, and by the links for messages of others, in
/// order per connection; from any thread, so it must be quick, and it must not wait: a full queue
/// is answered with [`Undeliverable::SlowConsumer`]. A panic in it refuses the message. `Ok` promises that the client will receive
/// the message once and in order, unless its socket or this process ends first.
pub trait ConnectionProvider: fmt::Debug + Send + Sync {
    /// Puts one message into the connection's queue.
    ///
    /// # Errors
    /// [`Undeliverable`] says that the message will not reach the client, and why.
    fn send(&self, connection: &ConnectionId, frame: Frame) -> Result<(), Undeliverable>;

    /// Ends the connection with this code, after what its queue holds.
    fn close(&self, connection: &ConnectionId, code: CloseCode);
}

/// The provider that the library brings: one bounded [`Outbox`] for each connection.
#[derive(Clone, Debug)]
pub struct DefaultConnectionProvider {
    table: Arc<ConnectionTable>,
    outbox_bytes_max: usize,
    policy: OutboxPolicy,
}

impl DefaultConnectionProvider {
    pub(crate) fn new(
        table: Arc<ConnectionTable>,
        outbox_bytes_max: usize,
        policy: OutboxPolicy,
    ) -> DefaultConnectionProvider {
        DefaultConnectionProvider {
            table,
            outbox_bytes_max,
            policy,
        }
    }

    /// Registers a connection with an outbox of its own.
    pub(crate) fn open(
        &self,
        minting: (raftwire_protocol::Slot, raftwire_protocol::Boot),
        info: ConnectionInfo,
    ) -> Result<(ConnectionId, Outbox), TableFull> {
        let (sender, mut outbox) = super::outbox::outbox(self.outbox_bytes_max, self.policy);
        let entry = Entry {
            info: Arc::new(info),
            outbox: Some(sender),
        };
        let id = self.table.insert(minting, entry)?;
        let registration = Registration {
            table: Arc::clone(&self.table),
            id,
        };
        let connection = registration.connection();
        outbox.unregister_on_drop(registration);
        Ok((connection, outbox))
    }

    fn push(
        &self,
        id: &MintedId,
        frame: Frame,
        acknowledged: bool,
        ticket: Option<WrittenTicket>,
    ) -> Result<(), Undeliverable> {
        let entry = self.table.get(id).ok_or(Undeliverable::NotFound)?;
        let outbox = entry.outbox.ok_or(Undeliverable::NotFound)?;
        outbox
            .push(frame, acknowledged, ticket)
            .map_err(|error| match error {
                PushError::Closed => Undeliverable::NotFound,
                PushError::Full => Undeliverable::SlowConsumer,
            })
    }
}

impl ConnectionProvider for DefaultConnectionProvider {
    fn send(&self, connection: &ConnectionId, frame: Frame) -> Result<(), Undeliverable> {
        match connection {
            ConnectionId::Minted(id) => self.push(id, frame, true, None),
            ConnectionId::Named(_) => Err(Undeliverable::NotFound),
        }
    }

    fn close(&self, connection: &ConnectionId, code: CloseCode) {
        let ConnectionId::Minted(id) = connection else {
            return;
        };
        if let Some(Entry {
            outbox: Some(outbox),
            ..
        }) = self.table.remove(id)
        {
            outbox.close(code, false);
        }
    }
}

/// The last hop: what the router and the links call.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    Outboxes(DefaultConnectionProvider),
    Application {
        table: Arc<ConnectionTable>,
        provider: Arc<dyn ConnectionProvider>,
    },
}

impl Delivery {
    pub(crate) fn deliver(
        &self,
        id: &MintedId,
        frame: Frame,
        acknowledged: bool,
        ticket: Option<WrittenTicket>,
    ) -> Result<(), Undeliverable> {
        match self {
            Delivery::Outboxes(outboxes) => outboxes.push(id, frame, acknowledged, ticket),
            // The ticket is dropped: an application's socket does not say when it has written.
            Delivery::Application { table, provider } => {
                if table.get(id).is_none() {
                    return Err(Undeliverable::NotFound);
                }
                // A panic of the application's must not end the link that the message came by.
                let connection = ConnectionId::Minted(*id);
                let send = AssertUnwindSafe(|| provider.send(&connection, frame));
                catch_unwind(send).unwrap_or_else(|_| {
                    tracing::error!(%connection, "the connection provider panicked");
                    Err(Undeliverable::Refused)
                })
            }
        }
    }

    /// Whether this process minted the id.
    pub(crate) fn is_ours(&self, id: &MintedId) -> bool {
        let table = match self {
            Delivery::Outboxes(outboxes) => &outboxes.table,
            Delivery::Application { table, .. } => table,
        };
        table.minting() == Some((id.slot(), id.boot()))
    }

    pub(crate) fn table(&self) -> &ConnectionTable {
        match self {
            Delivery::Outboxes(outboxes) => &outboxes.table,
            Delivery::Application { table, .. } => table,
        }
    }

    pub(crate) fn provider(&self) -> Arc<dyn ConnectionProvider> {
        match self {
            Delivery::Outboxes(outboxes) => Arc::new(outboxes.clone()),
            Delivery::Application { provider, .. } => Arc::clone(provider),
        }
    }

    pub(crate) fn close(&self, id: &MintedId, code: CloseCode) {
        match self {
            Delivery::Outboxes(outboxes) => outboxes.close(&ConnectionId::Minted(*id), code),
            Delivery::Application { table, provider } => {
                if table.remove(id).is_some() {
                    provider.close(&ConnectionId::Minted(*id), code);
                }
            }
        }
    }
}
