use std::path::PathBuf;
use std::time::Duration;

use raftwire_protocol::{NodeId, Session};

use crate::state::{NAMES_MAX_DEFAULT, WireVersions};

/// How a [`RaftNode`](crate::RaftNode) takes part.
#[derive(Clone, Debug)]
pub struct RaftOptions {
    /// The cluster's name; for logs only, strangers are refused before they get here.
    pub cluster: String,
    /// The operator's name of this node.
    pub node: NodeId,
    /// The identity of this process: 128 random bits.
    pub session: Session,
    /// The nodes that found the cluster together, this one among them. Order and repetitions make
    /// no difference. Alone, the node founds a cluster of one, unless it is an edge.
    pub founding: Vec<NodeId>,
    /// Where the log and the vote are kept.
    pub storage: Storage,
    /// How long things take.
    pub timings: Timings,
    /// Where other nodes reach this one, if it listens.
    pub address: Option<String>,
    /// Whether the node may get a seat: see [`SeatPolicy`].
    pub seat: SeatPolicy,
    /// The wire and state versions that this build speaks; another value than the default is for
    /// tests of upgrades.
    pub versions: WireVersions,
    /// How many names the living may have together, at most [`NAMES_MAX_CEILING`]; what the
    /// founding leader says counts for the whole cluster.
    ///
    /// [`NAMES_MAX_CEILING`]: crate::NAMES_MAX_CEILING
    pub names_max: u64,
    /// Do wrong on purpose: the lease always seems to hold. A simulation must find it.
    #[cfg(feature = "wrong-variants")]
    pub ignore_fence: bool,
    /// Do wrong on purpose: votes are kept in memory only. A simulation must find it.
    #[cfg(feature = "wrong-variants")]
    pub forget_vote: bool,
    /// Not wrong, but soon: a snapshot after every so many entries, and hardly an entry kept, so that
    /// a short simulation sees snapshots taken, sent and read.
    #[cfg(feature = "wrong-variants")]
    pub snapshot_every: Option<u64>,
}

/// Whether a node may take part in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeatPolicy {
    /// It votes, stands by with a copy of the log, or is an edge, as the cluster needs it.
    #[default]
    Auto,
    /// It is an edge for ever: no vote, no log.
    Edge,
}

/// Where the log and the vote are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In this folder; it is what makes the node the same voter after a restart.
    Durable(PathBuf),
    /// In memory: every start is a new voter, so such a node votes only where all voters are
    /// ephemeral, and a majority that restarts at once takes the cluster with it.
    Ephemeral,
}

/// How long things take. The same on all nodes, but for the lease, which the founding fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// How often a leader shows that it lives. It is the time limit of an append as well, so it
    /// must be well above the transport's usual round trip.
    pub heartbeat: Duration,
    /// The shortest time without a leader after which a voter asks for an election.
    pub election_min: Duration,
    /// The longest such time. Voters keep a leader that they heard from within it, so an election
    /// begins after this time plus a random one between the two.
    pub election_max: Duration,
    /// How long a node is held alive without a word from it: well above a failover, which takes
    /// about twice `election_max`.
    pub lease: Duration,
    /// How long a dead node keeps its seat. Longer than a restart of a machine; shorter than the time
    /// in which a second voter is likely to fail.
    pub seat_kept: Duration,
}

/// The default of [`Timings::seat_kept`].
const SEAT_KEPT: Duration = Duration::from_secs(60);

impl Timings {
    /// For links of their own between the nodes: a leader is replaced in about a second.
    pub const fn direct() -> Timings {
        Timings {
            heartbeat: Duration::from_millis(100),
            election_min: Duration::from_millis(300),
            election_max: Duration::from_millis(500),
            lease: Duration::from_secs(5),
            seat_kept: SEAT_KEPT,
        }
    }

    /// For traffic through a broker, which adds a hop and stalls now and then.
    pub const fn broker() -> Timings {
        Timings {
            heartbeat: Duration::from_millis(400),
            election_min: Duration::from_millis(1_000),
            election_max: Duration::from_millis(2_000),
            lease: Duration::from_secs(12),
            seat_kept: SEAT_KEPT,
        }
    }

    /// What a node may count on of a lease, from the moment of asking: 0.8 of it. The rest is for
    /// clocks that do not run alike.
    pub(crate) fn usable(lease: Duration) -> Duration {
        lease * 4 / 5
    }

    /// How long a failover takes at the most where nothing else is wrong: the last word of the old
    /// leader, an election that has to be held again, and its winner's first words.
    pub(crate) fn failover(&self) -> Duration {
        self.election_max * 4
    }

    /// How long after its last word to a quorum a leader calls itself the leader: 0.8 of the time
    /// in which the voters of that quorum elect nobody else.
    pub(crate) fn leadership(&self) -> Duration {
        Timings::usable(self.election_max)
    }
}

impl Default for Timings {
    fn default() -> Self {
        Timings::direct()
    }
}

impl RaftOptions {
    /// A node of a cluster of one on links of its own; what else it is, its fields say.
    pub fn new(
        cluster: impl Into<String>,
        node: NodeId,
        session: Session,
        storage: Storage,
    ) -> RaftOptions {
        RaftOptions {
            cluster: cluster.into(),
            node,
            session,
            founding: Vec::new(),
            storage,
            timings: Timings::default(),
            address: None,
            seat: SeatPolicy::default(),
            versions: WireVersions::CURRENT,
            names_max: NAMES_MAX_DEFAULT,
            #[cfg(feature = "wrong-variants")]
            ignore_fence: false,
            #[cfg(feature = "wrong-variants")]
            forget_vote: false,
            #[cfg(feature = "wrong-variants")]
            snapshot_every: None,
        }
    }

    /// The founding list in the form in which it is compared: with this node unless it is an edge,
    /// sorted, each once.
    pub(crate) fn founding_list(&self) -> Vec<NodeId> {
        let mut list = self.founding.clone();
        if self.is_edge() {
            list.retain(|node| *node != self.node);
        } else {
            list.push(self.node.clone());
        }
        list.sort();
        list.dedup();
        list
    }

    /// After how many entries there is a snapshot, where that is not the engine's own choice.
    #[allow(clippy::unused_self)] // only some builds can be told
    pub(crate) fn snapshot_every(&self) -> Option<u64> {
        #[cfg(feature = "wrong-variants")]
        return self.snapshot_every;
        #[cfg(not(feature = "wrong-variants"))]
        None
    }

    pub(crate) fn is_edge(&self) -> bool {
        self.seat == SeatPolicy::Edge
    }

    pub(crate) fn is_ephemeral(&self) -> bool {
        self.storage == Storage::Ephemeral
    }
}
