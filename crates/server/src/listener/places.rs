//! How many sockets may be held, and by whom.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::shortage::Shortage;

/// Sockets that are not, or not yet, clients: requests, handshakes, channels of other nodes. They
/// have places of their own, so that a node that is full of clients still answers its supervisor
/// and its peers. Strangers that hold one without asking for anything lose it after
/// `http.handshake_timeout`.
pub(crate) const OTHER_SOCKETS_MAX: usize = 256;

/// The places of one node.
#[derive(Debug)]
pub(crate) struct Places {
    sockets: Arc<Semaphore>,
    clients: Arc<Semaphore>,
    clients_max: usize,
    shortage: Mutex<Shortage>,
}

impl Places {
    pub(crate) fn new(clients_max: usize) -> Places {
        Places {
            sockets: Arc::new(Semaphore::new(clients_max + OTHER_SOCKETS_MAX)),
            clients: Arc::new(Semaphore::new(clients_max)),
            clients_max,
            shortage: Mutex::default(),
        }
    }

    /// Waits for a place for one more socket; further ones wait in the system's queue meanwhile.
    pub(super) async fn socket(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes the semaphore.
        Arc::clone(&self.sockets).acquire_owned().await.ok()
    }

    /// A place for one more client, if there is one.
    pub(crate) fn client(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.clients).try_acquire_owned().ok();
        let mut shortage = self.shortage.lock().unwrap_or_else(PoisonError::into_inner);
        match &place {
            Some(_) => shortage.over(),
            None => shortage.of_clients(self.clients_max),
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_goes_leaves_its_place_to_the_next() {
        let places = Places::new(1);
        let first = places.client();
        assert!(first.is_some() && places.client().is_none());
        drop(first);
        assert!(places.client().is_some());
    }
}
