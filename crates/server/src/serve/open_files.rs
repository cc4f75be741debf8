//! How many sockets the process may hold.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, info};

use crate::listener::OTHER_SOCKETS_MAX;

/// Descriptors that are not for clients: the log, the channels to peers and the runtime, beside
/// the sockets that [`OTHER_SOCKETS_MAX`] is for.
const RESERVED: u64 = 256 + OTHER_SOCKETS_MAX as u64;

/// Raises the limit of open files as far as the system lets this process, and returns how many
/// of `clients` fit in it. Where a system allows almost nothing, half of it is for clients.
pub fn room_for_clients(clients: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        debug!(%error, "the limit of open files stays as it was");
    }
    // No limit at all is told as none.
    let Some(files) = getrlimit(Resource::Nofile).current else {
        return clients;
    };
    let room = files.saturating_sub(RESERVED).max(files / 2);
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if room < clients {
        info!("room for {room} clients: the limit of open files is {files}");
    }
    room.min(clients)
}
