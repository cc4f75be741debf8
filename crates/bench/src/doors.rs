use crate::opening::Door;
use crate::{Address, BenchError, Trust};

/// Connections from one source address: few of the ports that Linux gives out by itself (28,232), since it
/// looks for a free one from a drawn place on, which takes ever longer as they fill.
const CONNECTIONS_PER_SOURCE: usize = 4_000;

/// The doors of several servers, to be asked in turn, from as many source addresses as it takes.
#[derive(Debug)]
pub(crate) struct Doors {
    servers: usize,
    /// Those of all servers from the first source, and then from the next.
    doors: Vec<Door>,
}

impl Doors {
    /// For so many connections.
    pub(crate) fn drawn(
        servers: &[Address],
        protocol: Option<&'static str>,
        trust: Option<&Trust>,
        connections: usize,
    ) -> Result<Doors, BenchError> {
        let sources = connections.div_ceil(CONNECTIONS_PER_SOURCE * servers.len());
        let mut doors = Vec::new();
        for _ in 0..sources {
            for server in servers {
                doors.push(Door::drawn(server, protocol, trust)?);
            }
        }
        let servers = servers.len();
        Ok(Doors { servers, doors })
    }

    /// Where a connection is to be opened that is the `nth` here, counted from 0; `number` chooses its server.
    pub(crate) fn door(&self, nth: usize, number: usize) -> &Door {
        let source = nth / (CONNECTIONS_PER_SOURCE * self.servers);
        &self.doors[source * self.servers + number % self.servers]
    }
}
