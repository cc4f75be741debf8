//! What is said, once, when no further socket can be had.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use tracing::{info, warn};

/// How long the acceptor waits after an error: the errors of a shortage come back at once.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Sockets that are accepted in a row before a shortage counts as over, so that a node at its
/// limit, where one client goes and the next one comes, does not say so every second.
const ACCEPTED_UNTIL_OVER: u32 = 1_000;

/// Whether sockets are short, and whether that was said.
#[derive(Debug, Default)]
pub(super) struct Shortage {
    is_said: bool,
    accepted_since: u32,
}

impl Shortage {
    pub(super) fn of_clients(&mut self, clients_max: usize) {
        if self.begins() {
            warn!(
                "{clients_max} clients are connected, as many as client.connections_max and the \
                 limit of open files allow: further ones are refused with 503 until one goes; \
                 this is said once"
            );
        }
    }

    pub(super) fn of_descriptors(&mut self, error: &io::Error) {
        let errno = Errno::from_io_error(error);
        let is_short = errno.is_some_and(|errno| {
            [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].contains(&errno)
        });
        if is_short && self.begins() {
            warn!(
                "no further client can be accepted: {error}. Those that are connected go on; \
                 raise the limit of open files (ulimit -n, LimitNOFILE=), or run more nodes; this \
                 is said once"
            );
        }
    }

    pub(super) fn over(&mut self) {
        if !self.is_said {
            return;
        }
        self.accepted_since += 1;
        if self.accepted_since == ACCEPTED_UNTIL_OVER {
            *self = Shortage::default();
            info!("clients are accepted again");
        }
    }

    fn begins(&mut self) -> bool {
        self.accepted_since = 0;
        !std::mem::replace(&mut self.is_said, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_begins_once_and_ends_when_many_were_accepted() {
        let mut shortage = Shortage::default();
        assert!(shortage.begins());
        assert!(!shortage.begins());
        for _ in 0..ACCEPTED_UNTIL_OVER {
            shortage.over();
        }
        assert!(shortage.begins());
    }

    #[test]
    fn a_client_that_went_before_it_was_accepted_is_no_shortage() {
        let mut shortage = Shortage::default();
        shortage.of_descriptors(&io::Error::from(Errno::CONNABORTED));
        assert!(!shortage.is_said);
        shortage.of_descriptors(&io::Error::from(Errno::MFILE));
        assert!(shortage.is_said);
    }
}
