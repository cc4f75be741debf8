//! Three ports for three nodes.

use std::io;

use raftwire_environment::Environment;

use super::nodes::NODES;

/// Where the nodes listen if nobody else does.
const PREFERRED: [u16; NODES] = [5000, 5001, 5002];

/// The ports, and which of the preferred ones are taken.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) ports: [u16; NODES],
    pub(super) taken: Vec<u16>,
}

/// The preferred ports, or, where one of them is taken, three that are free now.
pub(super) async fn find(environment: &Environment) -> io::Result<Ports> {
    let mut taken = Vec::new();
    for port in PREFERRED {
        if environment.bind("127.0.0.1", port).await.is_err() {
            taken.push(port);
        }
    }
    if taken.is_empty() {
        return Ok(Ports {
            ports: PREFERRED,
            taken,
        });
    }
    // All three are held until the last is found, so that they differ.
    let mut held = Vec::with_capacity(NODES);
    let mut ports = PREFERRED;
    for port in &mut ports {
        let listener = environment.bind("127.0.0.1", 0).await?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(Ports { ports, taken })
}
