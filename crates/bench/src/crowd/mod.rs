//! Many connections, opened as fast as servers take them and then held.

mod held;
mod helper;
mod opened;
mod part;
mod thread;

use std::collections::BTreeMap;
use std::sync::mpsc;

use serde::{Deserialize, Serialize};

pub(crate) use held::Held;
pub use helper::{Helper, help};
pub(crate) use opened::Opened;

use crate::conductor::threads;
use crate::machine::{Nanos, open_files_max};
use crate::name::name_of;
use crate::{Address, BenchError, Progress, Trust};
use part::{Part, gather};

/// Who is connected to, and by how many.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Crowd {
    /// The servers, which are connected to in turn.
    pub servers: Vec<Address>,
    /// What they are.
    pub kind: ServerKind,
    /// Whose certificates servers may have that are asked with TLS.
    pub trust: Option<Trust>,
    /// What the name begins with that each connection asks for, in the query of its address; `None`: it
    /// has no name.
    pub name_prefix: Option<String>,
    /// How many connections.
    pub connections: usize,
    /// How many may be on their way at a time.
    pub at_once: usize,
    /// Threads of the generator; `None`: half of the cores.
    pub threads: Option<usize>,
    /// What is run for connections beyond those that this process may have; `None`: nothing.
    #[serde(skip)]
    pub helper: Option<Helper>,
}

/// What a crowd connects to.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum ServerKind {
    /// A node of Raftwire: a connection is open when it is welcomed.
    Node,
    /// Any server that returns each message: no subprotocol is offered, and a connection is open when its
    /// handshake is answered. A bare one is asked for a message in place of that.
    Echo,
}

/// What a part of a crowd says.
#[derive(Debug)]
enum Said {
    /// So many more are open, or have failed.
    Tried(usize),
    /// All of the part's are.
    Opened(Box<Opened>),
    /// Released: those that had ended before, by why.
    Released(BTreeMap<String, u64>),
    Failed(BenchError),
}

impl Crowd {
    /// Opens all, each of which says something if it `speaks`, and returns when the last one is open.
    pub(crate) fn open(
        &self,
        speaks: bool,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<(Opened, Held), BenchError> {
        let whole = Part {
            crowd: self.clone(),
            first: 0,
            speaks,
            begin: Nanos::now(),
        };
        let (said, hears) = mpsc::channel();
        let releases = match &self.helper {
            Some(helper) if self.processes() > 1 => {
                let parts = whole.split(self.processes());
                let helped = parts.map(|part| helper.open(&part, said.clone()));
                helped.collect::<Result<Vec<_>, _>>()?
            }
            _ => whole.open_here(&said)?,
        };
        drop(said);
        let opened = gather(&hears, releases.len(), self.connections, watch)?;
        if opened.times.count() == 0 {
            let why = opened.failed.into_keys().next().unwrap_or_default();
            return Err(BenchError::Failed(why));
        }
        Ok((opened, Held { releases, hears }))
    }

    /// Fails where this cannot be opened.
    pub(crate) fn check(&self) -> Result<(), BenchError> {
        for (what, count) in [
            ("the number of servers", self.servers.len()),
            ("the number of connections", self.connections),
            ("the number of connections at once", self.at_once),
            ("the number of threads", self.threads.unwrap_or(1)),
        ] {
            if count == 0 {
                return Err(BenchError::Nothing(what));
            }
        }
        let (connections, max) = (self.connections, open_files_max());
        if connections > max && (self.helper.is_none() || max == 0) {
            return Err(BenchError::OpenFiles { connections, max });
        }
        Ok(())
    }

    /// How many processes it takes.
    pub(crate) fn processes(&self) -> usize {
        self.connections.div_ceil(open_files_max().max(1))
    }

    /// What the connection with this number among all asks to be called.
    fn name_of(&self, number: usize) -> Option<String> {
        let prefix = self.name_prefix.as_ref()?;
        Some(name_of(prefix, number))
    }

    fn threads(&self) -> usize {
        threads(self.threads, self.connections)
    }
}
