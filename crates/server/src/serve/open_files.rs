//! How many sockets the process may hold.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, info};

/// Descriptors that a node needs beside its clients': log, peers, HTTP requests, the runtime.
const RESERVED: u64 = 256;

/// Raises the limit of open files as far as the system lets this process, and says how many
/// clients fit where that is fewer than configured.
pub fn raise_open_files(connections_max: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        debug!(%error, "the limit of open files stays as it was");
    }
    // No limit at all is told as none.
    if let Some(files) = getrlimit(Resource::Nofile).current {
        let room = files.saturating_sub(RESERVED);
        if room < connections_max as u64 {
            info!("room for about {room} clients: the limit of open files is {files}");
        }
    }
}
