//! How messages enter this node's connections: the library's outboxes, or the application.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use raftwire_protocol::{CloseCode, ConnectionId, Frame, MintedId, Name};

use super::naming::NoTarget;
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

/// Why the last hop failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undelivered {
    Undeliverable(Undeliverable),
    /// The connection does not have the name by which it was addressed in this epoch, or not any
    /// more, or it has ended: who has it now, the log knows.
    Moved,
}

impl From<Undeliverable> for Undelivered {
    fn from(reason: Undeliverable) -> Undelivered {
        Undelivered::Undeliverable(reason)
    }
}

impl From<Undelivered> for Undeliverable {
    /// What it means to who asked for this very connection.
    fn from(reason: Undelivered) -> Undeliverable {
        match reason {
            Undelivered::Undeliverable(reason) => reason,
            Undelivered::Moved => Undeliverable::NotFound,
        }
    }
}

impl From<NoTarget> for Undelivered {
    fn from(reason: NoTarget) -> Undelivered {
        match reason {
            NoTarget::NoSuchConnection => Undeliverable::NotFound.into(),
            NoTarget::OtherEpoch => Undelivered::Moved,
        }
    }
}

/// Delivers to the sockets that the application owns. A connection is called by its name, if it has
/// one or waits for one, and else by the id that the node gave it.
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

/// The provider that the library brings: one bounded [`Outbox`] for each connection. It knows
/// connections by the ids that the node gave them.
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
        (id, epoch): (&MintedId, Option<u64>),
        frame: Frame,
        acknowledged: bool,
        ticket: Option<WrittenTicket>,
    ) -> Result<(), Undelivered> {
        let target = self.table.target(id, epoch)?;
        let outbox = target.outbox.ok_or(Undeliverable::NotFound)?;
        let pushed = outbox.push(frame, acknowledged, ticket);
        pushed.map_err(|error| match error {
            PushError::Closed => gone(epoch),
            PushError::Full => Undeliverable::SlowConsumer.into(),
        })
    }
}

impl ConnectionProvider for DefaultConnectionProvider {
    fn send(&self, connection: &ConnectionId, frame: Frame) -> Result<(), Undeliverable> {
        let ConnectionId::Minted(id) = connection else {
            return Err(Undeliverable::NotFound);
        };
        let pushed = self.push((id, None), frame, true, None);
        pushed.map_err(Undeliverable::from)
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
    /// Puts a message into a connection. `epoch`: the registration of the name by which it was
    /// addressed.
    pub(crate) fn deliver(
        &self,
        (id, epoch): (&MintedId, Option<u64>),
        frame: Frame,
        acknowledged: bool,
        ticket: Option<WrittenTicket>,
    ) -> Result<(), Undelivered> {
        match self {
            Delivery::Outboxes(outboxes) => outboxes.push((id, epoch), frame, acknowledged, ticket),
            // The ticket is dropped: an application's socket does not say when it has written.
            Delivery::Application { table, provider } => {
                let target = table.target(id, epoch)?;
                // A panic of the application's must not end the link that the message came by.
                let connection = known_as(id, target.name);
                let send = AssertUnwindSafe(|| provider.send(&connection, frame));
                let sent = catch_unwind(send).unwrap_or_else(|_| {
                    tracing::error!(%connection, "the connection provider panicked");
                    Err(Undeliverable::Refused)
                });
                sent.map_err(|reason| match reason {
                    Undeliverable::NotFound => gone(epoch),
                    reason => reason.into(),
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
                let name = table.name_of(id);
                if table.remove(id).is_some() {
                    provider.close(&known_as(id, name), code);
                }
            }
        }
    }
}

/// What the application calls a connection.
fn known_as(id: &MintedId, name: Option<Name>) -> ConnectionId {
    name.map_or(ConnectionId::Minted(*id), ConnectionId::Named)
}

/// The connection has ended. That of a name may have another one by now.
fn gone(epoch: Option<u64>) -> Undelivered {
    match epoch {
        None => Undeliverable::NotFound.into(),
        Some(_) => Undelivered::Moved,
    }
}
