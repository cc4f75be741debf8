//! The owner's side: which of this node's connections has which name, and that the log agrees.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use raftwire_consensus::{LostName, NamePolicy, RegisterError};
use raftwire_environment::Environment;
use raftwire_protocol::{CloseCode, MintedId, Name};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{NameService, RegisterNameError};
use crate::connection::{Confirmed, ConnectionTable, Delivery, NotNameable, Released};

/// The pause before a name that no leader registered is asked for again: about what an election
/// takes.
const PAUSE: Duration = Duration::from_millis(200);
/// Names that are taken back at a time: enough to fill a batch of the log, and no more memory than
/// that.
const TAKEN_BACK_AT_ONCE: usize = 1024;

/// Keeps the names of this node's connections.
#[derive(Debug)]
pub(crate) struct NameKeeper {
    environment: Environment,
    service: Arc<dyn NameService>,
    table: Arc<ConnectionTable>,
    delivery: Delivery,
    /// The connections of this node by their names.
    by_name: Mutex<BTreeMap<Name, MintedId>>,
    /// The connections for which a registration is under way.
    under_way: Mutex<BTreeSet<MintedId>>,
    settled: Notify,
    is_stopped: AtomicBool,
}

/// The right to ask for a name for a connection. One at a time: what becomes of a registration that was
/// given up is nothing to the one after it.
struct Turn {
    keeper: Arc<NameKeeper>,
    id: MintedId,
}

impl Turn {
    async fn of(keeper: &Arc<NameKeeper>, id: MintedId) -> Turn {
        loop {
            let mut settled = pin!(keeper.settled.notified());
            settled.as_mut().enable();
            if keeper.lock_under_way().insert(id) {
                let keeper = Arc::clone(keeper);
                return Turn { keeper, id };
            }
            settled.await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.keeper.lock_under_way().remove(&self.id);
        self.keeper.settled.notify_waiters();
    }
}

impl NameKeeper {
    pub(crate) fn new(
        environment: Environment,
        service: Arc<dyn NameService>,
        table: Arc<ConnectionTable>,
        delivery: Delivery,
    ) -> NameKeeper {
        NameKeeper {
            environment,
            service,
            table,
            delivery,
            by_name: Mutex::default(),
            under_way: Mutex::default(),
            settled: Notify::new(),
            is_stopped: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, MintedId>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_under_way(&self) -> MutexGuard<'_, BTreeSet<MintedId>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How many names the connections of this node have, or wait for.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// The connection of this node that has this name, or waits for it.
    pub(crate) fn connection(&self, name: &Name) -> Option<MintedId> {
        let id = self.lock().get(name).copied()?;
        self.table.is_named(&id, name).then_some(id)
    }

    /// Gives a connection of this node a name. It goes on in a task of its own: who asked may stop
    /// to wait.
    pub(crate) async fn register(
        self: &Arc<Self>,
        id: MintedId,
        name: Name,
        policy: NamePolicy,
    ) -> Result<(), RegisterNameError> {
        let turn = Turn::of(self, id).await;
        self.table
            .begin_name(&id, &name)
            .map_err(|reason| match reason {
                NotNameable::NoSuchConnection => RegisterNameError::NoSuchConnection,
                NotNameable::Named(name) => RegisterNameError::Named { name },
            })?;
        self.lock().entry(name.clone()).or_insert(id);
        let (told, answer) = oneshot::channel();
        let keeper = Arc::clone(self);
        let registration = async move {
            let result = keeper.settle(&id, &name, policy).await;
            drop(turn);
            // Who asked may have gone.
            let _ = told.send(result);
        };
        drop(self.environment.spawn("register a name", registration));
        answer.await.unwrap_or(Err(RegisterNameError::Unavailable))
    }

    /// Takes the name from the connection of this node that has it.
    pub(crate) fn unregister(&self, name: &Name) {
        let Some(id) = self.connection(name) else {
            return;
        };
        let epoch = self.table.give_up_name(&id, name);
        self.forget(name, &id);
        // A registration that is under way is undone when it is answered.
        if epoch.is_some() {
            self.table.release(Released {
                name: name.clone(),
                connection: id,
                epoch,
            });
        }
    }

    async fn settle(
        self: &Arc<Self>,
        id: &MintedId,
        name: &Name,
        policy: NamePolicy,
    ) -> Result<(), RegisterNameError> {
        // First in line: a connection that has just ended must not keep the name from this one.
        let keeper = Arc::clone(self);
        let released = self.table.take_released();
        let mut released = Box::pin(async move { keeper.release(released).await });
        if futures_util::poll!(&mut released).is_pending() {
            // More than may wait: that is no reason for this one to wait for them.
            drop(self.environment.spawn("release names", released));
        }
        let registered = self.service.register(name.clone(), *id, policy).await;
        match registered {
            Ok(epoch) => self.registered(id, name, epoch).await,
            Err(error) => {
                self.give_up(id, name);
                Err(error.into())
            }
        }
    }

    /// The log has registered the name.
    async fn registered(
        &self,
        id: &MintedId,
        name: &Name,
        epoch: u64,
    ) -> Result<(), RegisterNameError> {
        match self.table.confirm_name(id, name, epoch) {
            Confirmed::Held => {
                self.lock().insert(name.clone(), *id);
                Ok(())
            }
            Confirmed::Outdated => self.take_back(id, name).await,
            Confirmed::Gone => {
                // Given up, and asked for again meanwhile: that is for another registration to settle.
                if !self.table.is_named(id, name) {
                    self.forget(name, id);
                }
                self.service.unregister(name.clone(), epoch).await;
                Err(RegisterNameError::NoSuchConnection)
            }
        }
    }

    /// Registers a name that the connection had under an earlier incarnation of this node, if it is
    /// free; else the connection is closed.
    async fn take_back(&self, id: &MintedId, name: &Name) -> Result<(), RegisterNameError> {
        while self.table.is_named(id, name) && !self.is_stopped() {
            let policy = NamePolicy::IfFree;
            let registered = self.service.register(name.clone(), *id, policy).await;
            let (code, error) = match registered {
                Ok(epoch) => match self.table.confirm_name(id, name, epoch) {
                    Confirmed::Outdated => continue,
                    Confirmed::Held => return Ok(()),
                    Confirmed::Gone => {
                        self.service.unregister(name.clone(), epoch).await;
                        break;
                    }
                },
                Err(error @ RegisterError::Taken { .. }) => (CloseCode::SUPERSEDED, error),
                Err(error @ RegisterError::Full { .. }) => (CloseCode::TRY_AGAIN_LATER, error),
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            tracing::debug!(connection = ?id, ?name, %error, "a name was not taken back");
            self.delivery.close(id, code);
            return Err(error.into());
        }
        self.forget(name, id);
        Err(RegisterNameError::NoSuchConnection)
    }

    /// Nothing is tried again from now on.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    fn give_up(&self, id: &MintedId, name: &Name) {
        self.table.give_up_name(id, name);
        self.forget(name, id);
    }

    fn forget(&self, name: &Name, id: &MintedId) {
        let mut by_name = self.lock();
        if by_name.get(name) == Some(id) {
            by_name.remove(name);
        }
    }

    async fn release(&self, released: Vec<Released>) {
        let unregister = released.into_iter().map(|released| {
            let Released {
                name,
                connection,
                epoch,
            } = released;
            self.forget(&name, &connection);
            async move {
                if let Some(epoch) = epoch {
                    self.service.unregister(name, epoch).await;
                }
            }
        });
        join_all(unregister).await;
    }

    /// Gives the names of connections that end back to the cluster. Runs until the node stops.
    pub(crate) async fn release_all(self: Arc<Self>) {
        loop {
            let released = self.table.released().await;
            self.release(released).await;
        }
    }

    /// Closes the connections whose names were taken over. Runs until consensus has stopped.
    pub(crate) async fn close_superseded(self: Arc<Self>, mut lost: mpsc::Receiver<LostName>) {
        while let Some(lost) = lost.recv().await {
            let LostName {
                name,
                connection,
                epoch,
            } = lost;
            if self.table.lose_name(&connection, &name, epoch) {
                tracing::debug!(?connection, ?name, epoch, "superseded");
                self.forget(&name, &connection);
                self.delivery.close(&connection, CloseCode::SUPERSEDED);
            }
        }
    }

    /// Takes names back after a return under a new incarnation. Runs until the node stops.
    pub(crate) async fn take_all_back(self: Arc<Self>) {
        loop {
            self.table.names_outdated().await;
            let outdated = self.table.begin_outdated_names();
            let keeper = &self;
            stream::iter(outdated)
                .for_each_concurrent(TAKEN_BACK_AT_ONCE, |(id, name)| async move {
                    let _turn = Turn::of(keeper, id).await;
                    // What became of it is told to the connection.
                    let _ = keeper.take_back(&id, &name).await;
                })
                .await;
        }
    }
}

impl From<RegisterError> for RegisterNameError {
    fn from(error: RegisterError) -> RegisterNameError {
        match error {
            RegisterError::Taken { by } => RegisterNameError::Taken { by },
            RegisterError::Full { limit } => RegisterNameError::Full { limit },
            RegisterError::NotMember => RegisterNameError::NotMember,
            RegisterError::Busy { waiting } => RegisterNameError::Busy { waiting },
            _ => RegisterNameError::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests;
