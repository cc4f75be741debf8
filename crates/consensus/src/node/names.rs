//! Names, as the library sees them.

use raftwire_protocol::{MintedId, Name};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{RaftNode, lock};
use crate::command::{NameOperation, NamePolicy};
use crate::names::batch::Queued;
use crate::names::register::{REGISTRATION, RegisterError};
use crate::names::{OPERATIONS_WAITING_MAX, asks, reads};
use crate::read_index::NoQuorum;
use crate::shared::Shared;
use crate::state::{LostName, NameRow};

impl RaftNode {
    /// What a name means as far as this node knows: by its own replica of the log, or, without
    /// one, by what it was told when it last asked. None may mean that it has not heard yet;
    /// [`lookup`](Self::lookup) knows.
    pub fn name(&self, name: &Name) -> Option<NameRow> {
        let without_log = self
            .running
            .get()
            .filter(|running| !running.shared.has_names());
        match without_log {
            None => self.published.state.borrow().name(name),
            Some(running) => cached(&running.shared, name),
        }
    }

    /// What a name means, with everything that was committed before this call. All that ask at
    /// once are one question to the leader, and who asks while it is under way is part of the next.
    ///
    /// # Errors
    ///
    /// When no leader with a quorum answered within 5 s, or more wait than may wait.
    pub async fn lookup(&self, name: &Name) -> Result<Option<NameRow>, NoQuorum> {
        let running = self.running.get().ok_or(NoQuorum)?;
        let shared = &running.shared;
        if shared.has_names() {
            let state = reads::read(shared).await?;
            // The seat may have been lost while the question was under way.
            if !state.is_fed() {
                return Ok(state.name(name));
            }
        }
        asks::ask(shared, name).await
    }

    /// Makes `name` mean `connection`, which is one of this node's, and returns the name's new
    /// epoch: the index of the log entry that says so. What many ask for at once is one entry.
    ///
    /// A connection that has the name already gets a new epoch for it. One connection may have
    /// many names.
    ///
    /// # Errors
    ///
    /// See [`RegisterError`]; after each of them the name does not mean the connection, or soon no
    /// more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the registration up; if it happens all the same, the node takes
    /// it back.
    pub async fn register_name(
        &self,
        name: Name,
        connection: MintedId,
        policy: NamePolicy,
    ) -> Result<u64, RegisterError> {
        let running = self.running.get().ok_or(RegisterError::NotMember)?;
        let now = self.environment.boot_time();
        if !self.published.lease.view().holds(now) || self.published.membership.borrow().is_none() {
            return Err(RegisterError::NotMember);
        }
        let (answer, answered) = oneshot::channel();
        let queued = Queued {
            operation: NameOperation::Register {
                name: name.clone(),
                connection,
                policy,
            },
            answer: Some(answer),
        };
        match running.shared.names.wanted.try_send(queued) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                let waiting = OPERATIONS_WAITING_MAX;
                return Err(RegisterError::Busy { waiting });
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(RegisterError::NotMember),
        }
        let mut pending = Pending {
            answered,
            name,
            wanted: running.shared.names.wanted.clone(),
        };
        match timeout(REGISTRATION, &mut pending.answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(RegisterError::Unavailable),
            Err(_) => pending.late(),
        }
    }

    /// Makes `name` mean nothing, if this node still has it in this epoch. It returns as soon as
    /// that waits for the next batch, and waits itself only while as many wait as may wait.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it has returned leaves the name as it is.
    pub async fn unregister_name(&self, name: Name, epoch: u64) {
        let Some(running) = self.running.get() else {
            return;
        };
        let queued = Queued {
            operation: NameOperation::Unregister { name, epoch },
            answer: None,
        };
        // A node that has stopped has no names any more.
        let _ = running.shared.names.wanted.send(queued).await;
    }

    /// The names that are taken from this node's connections, in the order of the log. It can be
    /// taken once, after [`start`](Self::start). However slowly it is read, none is missing, but
    /// for those of an incarnation that has ended: a node that comes back under a new one has to
    /// register anew whatever it still wants.
    pub fn lost_names(&self) -> Option<mpsc::Receiver<LostName>> {
        lock(&self.lost_names).take()
    }
}

/// A registration that is waited for. One that nobody waits for any more is undone, whichever comes
/// first: the answer, or the end of the waiting.
struct Pending {
    answered: oneshot::Receiver<Result<u64, RegisterError>>,
    name: Name,
    wanted: mpsc::Sender<Queued>,
}

impl Pending {
    /// The answer, if it has come meanwhile: from here on it cannot, and who would give it knows.
    fn late(&mut self) -> Result<u64, RegisterError> {
        self.answered.close();
        self.answered
            .try_recv()
            .unwrap_or(Err(RegisterError::Unavailable))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Ok(epoch) = self.late() {
            let name = self.name.clone();
            // A full queue means that nothing has been answered for long, so this has not either.
            let _ = self.wanted.try_send(Queued {
                operation: NameOperation::Unregister { name, epoch },
                answer: None,
            });
        }
    }
}

/// What this node was told, if nobody has told it since that the owner is dead.
fn cached(shared: &Shared, name: &Name) -> Option<NameRow> {
    let row = shared.names.cache().get(name)?;
    let state = shared.published.state.borrow();
    let is_news = row.incarnation.get() > state.last_incarnation;
    let counts = is_news
        || state
            .members
            .values()
            .any(|member| member.incarnation == row.incarnation && member.is_alive());
    counts.then_some(row)
}
