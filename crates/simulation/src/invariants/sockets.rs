//! Which sockets exist: what the nodes' directories are compared with when everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use raftwire::{Audience, ConnectionId, NodeId};

use super::Violations;
use crate::crowd::CrowdEvent;
use crate::fact::Process;
use crate::view::View;

const NAME: &str = "directories equal sockets";

/// How long the news of a socket's end may take at rest: one entry of the log, and the next look.
const NEWS_MAX: Duration = Duration::from_millis(500);

/// A socket that exists.
#[derive(Debug)]
struct Socket {
    process: Process,
    audiences: BTreeSet<Audience>,
}

/// What a node shows of sockets: its own, and the rows of each node.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    process: Process,
    connections: usize,
    rows: BTreeMap<NodeId, usize>,
}

impl From<&View> for Shown {
    fn from(view: &View) -> Shown {
        let rows = view.owned_facts.iter();
        Shown {
            process: view.process.clone(),
            connections: view.connections,
            rows: rows
                .map(|(node, facts)| (node.clone(), facts.rows))
                .collect(),
        }
    }
}

/// All sockets.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    open: BTreeMap<ConnectionId, Socket>,
    /// When the others ended.
    ended: BTreeMap<ConnectionId, Duration>,
}

impl Sockets {
    pub(super) fn opened(&mut self, process: &Process, connection: &ConnectionId) {
        let socket = Socket {
            process: process.clone(),
            audiences: BTreeSet::new(),
        };
        self.open.insert(connection.clone(), socket);
    }

    pub(super) fn closed(&mut self, at: Duration, connection: &ConnectionId) {
        if self.open.remove(connection).is_some() {
            self.ended.insert(connection.clone(), at);
        }
    }

    pub(super) fn process_ended(&mut self, at: Duration, process: &Process) {
        let ended = self
            .open
            .extract_if(.., |_, socket| socket.process == *process);
        self.ended
            .extend(ended.map(|(connection, _)| (connection, at)));
    }

    pub(super) fn crowd(&mut self, at: Duration, event: &CrowdEvent) {
        match event {
            CrowdEvent::Came(process, connection) => self.opened(process, connection),
            CrowdEvent::Gone(connection) => self.closed(at, connection),
            CrowdEvent::Joined(connection, audience) => {
                if let Some(socket) = self.open.get_mut(connection) {
                    socket.audiences.insert(audience.clone());
                }
            }
            CrowdEvent::Left(connection, audience) => {
                if let Some(socket) = self.open.get_mut(connection) {
                    socket.audiences.remove(audience);
                }
            }
            _ => {}
        }
    }

    /// Whether a name may mean this connection at rest.
    pub(super) fn may_have_name(&self, at: Duration, connection: &ConnectionId) -> bool {
        let ended = self.ended.get(connection);
        self.open.contains_key(connection)
            || ended.is_some_and(|ended| at.saturating_sub(*ended) <= NEWS_MAX)
    }

    /// Everything has come to rest: a node has the sockets that exist, its rows are those that they
    /// belong to, and every other node has the same rows of it.
    pub(super) fn at_rest(&self, at: Duration, shown: &[Shown], violations: &mut Violations) {
        for view in shown {
            let process = &view.process;
            let here = || {
                self.open
                    .values()
                    .filter(|socket| socket.process == *process)
            };
            if here().count() != view.connections {
                let (there, seen) = (here().count(), view.connections);
                let what = format!("{process} has {there} sockets, and says {seen}");
                violations.add(at, NAME, what);
            }
            let audiences: BTreeSet<&Audience> = here().flat_map(|it| &it.audiences).collect();
            for other in shown {
                let rows = other.rows.get(&process.node).copied();
                if rows != Some(audiences.len()) {
                    let what = format!(
                        "{} has {rows:?} rows of {process}, whose sockets belong to {audiences:?}",
                        other.process
                    );
                    violations.add(at, NAME, what);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::samples::{at, connection, process};

    fn group() -> Audience {
        Audience::Group("group".parse().expect("a group"))
    }

    fn judge(sockets: &Sockets, connections: usize, rows: usize) -> usize {
        let mut violations = Violations::default();
        let shown = Shown {
            process: process(1),
            connections,
            rows: BTreeMap::from([(process(1).node, rows)]),
        };
        sockets.at_rest(at(1_000), &[shown], &mut violations);
        violations.into_vec().len()
    }

    fn in_a_group() -> Sockets {
        let mut sockets = Sockets::default();
        let came = CrowdEvent::Came(process(1), connection(1));
        sockets.crowd(at(1), &came);
        sockets.crowd(at(2), &CrowdEvent::Joined(connection(1), group()));
        sockets
    }

    #[test]
    fn a_node_that_counts_another_number_of_sockets_is_found() {
        assert_eq!(judge(&in_a_group(), 1, 1), 0);
        assert_eq!(judge(&in_a_group(), 2, 1), 1);
    }

    #[test]
    fn rows_that_nobody_belongs_to_and_rows_that_lack_are_found() {
        assert_eq!(judge(&in_a_group(), 1, 2), 1);
        assert_eq!(judge(&in_a_group(), 1, 0), 1);

        let mut sockets = in_a_group();
        sockets.crowd(at(3), &CrowdEvent::Gone(connection(1)));
        assert_eq!(judge(&sockets, 0, 1), 1);
        assert_eq!(judge(&sockets, 0, 0), 0);
    }

    #[test]
    fn a_name_means_no_connection_that_ended_long_ago() {
        let mut sockets = in_a_group();
        assert!(sockets.may_have_name(at(10), &connection(1)));
        assert!(!sockets.may_have_name(at(10), &connection(2)));

        sockets.process_ended(at(20), &process(1));
        assert!(sockets.may_have_name(at(30), &connection(1)));
        assert!(!sockets.may_have_name(at(1_000), &connection(1)));
    }
}
