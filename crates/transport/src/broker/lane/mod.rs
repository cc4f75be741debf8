//! One lane: its channels, and the task that carries them.

mod entry;
mod listener;
mod outgoing;
mod state;
mod task;
mod window;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use raftwire_environment::Environment;
use raftwire_protocol::{Lane as LaneName, NodeId, Session};
use tokio::sync::Notify;

use super::envelope::Envelope;
pub use listener::Listener;
pub use outgoing::{Publication, Recipient};
pub(super) use state::LaneState;
pub(super) use task::{LaneTask, STOP_TIMEOUT};
pub use window::PACKET_OVERHEAD_BYTES;

/// A lane as all tasks see it: what is to be published, and what was heard.
#[derive(Debug)]
pub struct Lane {
    name: LaneName,
    node: NodeId,
    session: Session,
    environment: Environment,
    state: Mutex<LaneState>,
    /// There may be something to publish.
    outgoing: Notify,
    /// There may be something to tell.
    events: Notify,
}

impl Lane {
    pub(super) fn new(
        name: LaneName,
        session: Session,
        environment: Environment,
        state: LaneState,
    ) -> Self {
        Self {
            name,
            node: state.node().clone(),
            session,
            environment,
            state: Mutex::new(state),
            outgoing: Notify::new(),
            events: Notify::new(),
        }
    }

    /// Which lane it is.
    pub const fn name(&self) -> LaneName {
        self.name
    }

    /// The node that it is for.
    pub const fn node(&self) -> &NodeId {
        &self.node
    }

    /// The transport's session: another one after each start.
    pub const fn session(&self) -> Session {
        self.session
    }

    /// Clock, sockets and randomness.
    pub const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Waits until there may be something to publish.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn outgoing(&self) {
        self.outgoing.notified().await;
    }

    /// Whether there is something to publish.
    pub fn has_outgoing(&self) -> bool {
        self.state().has_outgoing()
    }

    /// Wakes whoever waits for [`outgoing`](Self::outgoing), if there is something.
    pub fn wake(&self) {
        self.with(|_| ());
    }

    /// Adds what is to be published next, in order: some of it. When more is left, this wakes
    /// [`outgoing`](Self::outgoing).
    pub fn take_run(&self, run: &mut Vec<Publication>) {
        let now = self.now();
        self.with(|state| state.take_run(run, now));
    }

    /// The last words.
    pub fn goodbye(&self) -> Publication {
        self.state().goodbye()
    }

    /// Has the node say that it is there.
    pub fn greet(&self) {
        self.with(LaneState::greet);
    }

    /// Nobody was there to receive what was published for this recipient.
    pub fn unheard(&self, recipient: &Recipient) {
        self.with(|state| state.unheard(recipient));
    }

    /// The broker refused a message because a queue was full: it is lost.
    pub fn rejected(&self) {
        self.with(|state| state.rejected());
    }

    /// The broker takes no messages for now, or takes them again. Until it does nothing is
    /// outgoing, and its silence is no sign of its death.
    pub fn set_blocked(&self, blocked: bool) {
        self.with(|state| state.set_blocked(blocked));
    }

    /// Takes in a message that another node has published.
    fn hear(&self, message: Bytes) {
        match Envelope::decode(self.name, message) {
            Ok(envelope) => {
                let now = self.now();
                self.with(|state| state.handle(envelope, now));
            }
            Err(error) => {
                tracing::debug!(lane = %self.name, %error, "message dropped");
                self.malformed();
            }
        }
    }

    /// Counts a message that no transport has made.
    pub fn malformed(&self) {
        self.with(LaneState::malformed);
    }

    fn now(&self) -> Instant {
        self.environment.now()
    }

    /// Does something to the state, and wakes the task if there is work for it then.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut LaneState) -> R) -> R {
        let mut state = self.state();
        let result = act(&mut state);
        let (outgoing, events) = (state.has_outgoing(), state.has_events());
        drop(state);
        if outgoing {
            self.outgoing.notify_one();
        }
        if events {
            self.events.notify_one();
        }
        result
    }

    fn state(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
