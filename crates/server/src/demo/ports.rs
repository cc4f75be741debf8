//! Three ports for three nodes, and more for their broker.

use std::io;
use std::ops::RangeInclusive;

use raftwire_environment::Environment;

use super::nodes::NODES;

/// Where the nodes listen if nobody else does.
const PREFERRED: [u16; NODES] = [5000, 5001, 5002];

/// Where they are looked for if somebody does.
const OTHERS: RangeInclusive<u16> = 5003..=5999;

/// The ports, and which of the preferred ones are taken.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) ports: [u16; NODES],
    pub(super) taken: Vec<u16>,
}

/// The preferred ports, or, where one of them is taken, three others that are free now.
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
    let mut found = Vec::with_capacity(NODES);
    for port in OTHERS {
        // Looked for from below, because the system hands ports from above to whoever dials: such
        // a port could be somebody's when a node that was killed wants it back.
        if environment.bind("127.0.0.1", port).await.is_ok() {
            found.push(port);
        }
        if let Ok(ports) = <[u16; NODES]>::try_from(found.as_slice()) {
            return Ok(Ports { ports, taken });
        }
    }
    Err(io::Error::from(io::ErrorKind::AddrInUse))
}

/// So many more that are free now.
pub(super) async fn others<const COUNT: usize>(
    environment: &Environment,
    ports: &[u16],
) -> io::Result<[u16; COUNT]> {
    let mut found = Vec::with_capacity(COUNT);
    for port in OTHERS.filter(|port| !ports.contains(port)) {
        if environment.bind("127.0.0.1", port).await.is_ok() {
            found.push(port);
        }
        if let Ok(ports) = found.as_slice().try_into() {
            return Ok(ports);
        }
    }
    Err(io::Error::from(io::ErrorKind::AddrInUse))
}
