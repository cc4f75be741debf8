//! One peer: the figures of its links, and whether it can be reached.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raftwire_environment::Environment;
use raftwire_link::LinkStats;
use raftwire_protocol::{Lane, NodeId};

/// How long a living member must have been without a channel of one of the lanes until it counts
/// as unreachable: about twice the time from a leader's crash to its committed death where that takes
/// longest, over a broker (a lease of 12 s and a failover), so that a crash is not told as a cut.
pub const UNREACHABLE_AFTER: Duration = Duration::from_secs(30);

/// What this node knows of one other node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerMetrics {
    /// The node.
    pub node: NodeId,
    /// Whether the cluster holds it alive.
    pub is_alive: bool,
    /// For how long this node has been without a channel of one of the lanes to it; `None` while
    /// both are up, or it is not a living member. From [`UNREACHABLE_AFTER`] on, the pair counts
    /// as cut.
    pub cut_off_for: Option<Duration>,
    /// The lane of consensus and of questions.
    pub control: LaneMetrics,
    /// The lane of messages.
    pub data: LaneMetrics,
    /// The smoothed round trip of questions on the control lane, once there was one.
    pub control_round_trip: Option<Duration>,
    /// The links with it, of this process, one after the other.
    pub link: LinkMetrics,
}

impl PeerMetrics {
    /// Whether it is a living member that this node cannot reach.
    pub fn is_unreachable(&self) -> bool {
        self.cut_off_for
            .is_some_and(|time| time >= UNREACHABLE_AFTER)
    }
}

/// The channels of one lane to one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneMetrics {
    /// Whether one is up, its peer authenticated.
    pub is_up: bool,
    /// How many there have been.
    pub opened: u64,
}

/// The figures of the links with one peer. The sums go on when a link ends and another begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkMetrics {
    /// Messages that wait for the peer's task.
    pub waiting_messages: usize,
    /// Their payload, in bytes.
    pub waiting_bytes: usize,
    /// Messages with the link that have no result yet.
    pub queued_messages: usize,
    /// Their bytes.
    pub queued_bytes: usize,
    /// Segments that were sent and are not acknowledged.
    pub in_flight_segments: usize,
    /// Their bytes.
    pub in_flight_bytes: usize,
    /// The smoothed round trip, once it was measured.
    pub round_trip: Option<Duration>,
    /// Packets made for the peer.
    pub packets_sent: u64,
    /// Their bytes, headers included.
    pub bytes_sent: u64,
    /// Packets of those that the transport did not take; what they carried is sent again.
    pub packets_refused: u64,
    /// Packets of the peer that were taken in.
    pub packets_received: u64,
    /// Their bytes, headers included.
    pub bytes_received: u64,
    /// Segments sent for the first time.
    pub segments_sent: u64,
    /// Segments sent again.
    pub segments_resent: u64,
    /// The payload of those, in bytes.
    pub bytes_resent: u64,
    /// Segments of the peer that had arrived before.
    pub segments_duplicate: u64,
    /// Messages of the peer that this node took in.
    pub messages_received: u64,
    /// Messages of the peer that this node did not: no such connection, an outbox that was full.
    pub messages_refused: u64,
}

impl LinkMetrics {
    /// Adds the sums of a link to those of the links before it, and takes its levels.
    fn with(mut self, link: &LinkStats) -> LinkMetrics {
        self.queued_messages = link.queued_messages;
        self.queued_bytes = link.queued_bytes;
        self.in_flight_segments = link.in_flight_segments;
        self.in_flight_bytes = link.in_flight_bytes;
        self.round_trip = link.round_trip;
        self.packets_sent += link.packets_made;
        self.bytes_sent += link.bytes_made;
        self.packets_refused += link.packets_refused;
        self.packets_received += link.packets_received;
        self.bytes_received += link.bytes_received;
        self.segments_sent += link.segments_sent;
        self.segments_resent += link.segments_resent;
        self.bytes_resent += link.bytes_resent;
        self.segments_duplicate += link.segments_duplicate;
        self
    }
}

/// Written by the peer's task at the end of each turn; the lock is its own but for the moment of
/// a snapshot.
#[derive(Debug, Default)]
pub(crate) struct PeerFigures(Mutex<Figures>);

#[derive(Debug, Default)]
struct Figures {
    /// The sums of the links that have ended.
    ended: LinkMetrics,
    link: Option<LinkStats>,
}

impl PeerFigures {
    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the link stands after a turn, and how many messages the turn brought of the peer: taken
    /// in, refused.
    pub(crate) fn turned(&self, link: Option<LinkStats>, (received, refused): (u64, u64)) {
        let mut figures = self.lock();
        figures.ended.messages_received += received;
        figures.ended.messages_refused += refused;
        figures.link = link;
    }

    /// The link has ended: another one counts from 0.
    pub(crate) fn link_ended(&self, link: &LinkStats) {
        let mut figures = self.lock();
        figures.ended = figures.ended.with(link);
        figures.link = None;
    }

    pub(crate) fn snapshot(&self) -> LinkMetrics {
        let figures = self.lock();
        // Without a link there is nothing on its way.
        let levels = LinkStats::default();
        figures.ended.with(figures.link.as_ref().unwrap_or(&levels))
    }
}

#[derive(Debug)]
struct Times {
    /// Since when the peer is a living member.
    alive_since: Option<Instant>,
    control: LaneState,
    data: LaneState,
}

#[derive(Clone, Copy, Debug)]
struct LaneState {
    metrics: LaneMetrics,
    /// Since when there has been none.
    down_since: Option<Instant>,
}

/// Whether a peer can be reached, and since when it cannot.
#[derive(Debug)]
pub(crate) struct Reachability {
    environment: Environment,
    times: Mutex<Times>,
}

impl Reachability {
    /// A peer that was just heard of, without a channel.
    pub(crate) fn new(environment: Environment) -> Reachability {
        let lane = LaneState {
            metrics: LaneMetrics::default(),
            down_since: Some(environment.now()),
        };
        let times = Times {
            alive_since: None,
            control: lane,
            data: lane,
        };
        Reachability {
            environment,
            times: Mutex::new(times),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The members say whether the peer lives.
    pub(crate) fn set_alive(&self, is_alive: bool) {
        let mut times = self.lock();
        times.alive_since =
            is_alive.then(|| times.alive_since.unwrap_or_else(|| self.environment.now()));
    }

    /// A channel was adopted, or the last one has gone.
    pub(crate) fn set_lane(&self, lane: Lane, is_up: bool) {
        let now = self.environment.now();
        let mut times = self.lock();
        let state = match lane {
            Lane::Control => &mut times.control,
            Lane::Data => &mut times.data,
        };
        state.metrics.is_up = is_up;
        state.metrics.opened += u64::from(is_up);
        state.down_since = (!is_up).then(|| state.down_since.unwrap_or(now));
    }

    pub(crate) fn lanes(&self) -> (LaneMetrics, LaneMetrics) {
        let times = self.lock();
        (times.control.metrics, times.data.metrics)
    }

    /// For how long the peer has been a living member without one of its channels.
    pub(crate) fn cut_off_for(&self) -> Option<Duration> {
        let times = self.lock();
        let alive_since = times.alive_since?;
        let lanes = [times.control.down_since, times.data.down_since];
        let longest = lanes.into_iter().flatten().min()?;
        let now = self.environment.now();
        Some(now.saturating_duration_since(longest.max(alive_since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_go_on_over_links_and_levels_do_not() {
        let figures = PeerFigures::default();
        let mut link = LinkStats::default();
        link.packets_made = 3;
        link.queued_messages = 2;
        figures.turned(Some(link), (5, 1));
        assert_eq!(figures.snapshot().packets_sent, 3);
        assert_eq!(figures.snapshot().queued_messages, 2);

        figures.link_ended(&link);
        assert_eq!(figures.snapshot().packets_sent, 3);
        assert_eq!(figures.snapshot().queued_messages, 0);

        figures.turned(Some(link), (1, 0));
        let now = figures.snapshot();
        assert_eq!((now.packets_sent, now.queued_messages), (6, 2));
        assert_eq!((now.messages_received, now.messages_refused), (6, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_living_peer_is_cut_off_from_when_a_lane_is_missing() {
        let reachability = Reachability::new(Environment::simulated(
            1,
            raftwire_environment::SimulatedDisk::new(1),
        ));
        let pass = |seconds| tokio::time::advance(Duration::from_secs(seconds));
        pass(100).await;
        assert_eq!(reachability.cut_off_for(), None, "it is no member");
        reachability.set_alive(true);
        pass(2).await;
        assert_eq!(reachability.cut_off_for(), Some(Duration::from_secs(2)));
        reachability.set_lane(Lane::Control, true);
        pass(1).await;
        assert_eq!(
            reachability.cut_off_for(),
            Some(Duration::from_secs(3)),
            "one is not enough"
        );
        reachability.set_lane(Lane::Data, true);
        assert_eq!(reachability.cut_off_for(), None);

        reachability.set_lane(Lane::Control, false);
        pass(4).await;
        reachability.set_alive(true);
        reachability.set_lane(Lane::Control, false);
        assert_eq!(reachability.cut_off_for(), Some(Duration::from_secs(4)));
        reachability.set_alive(false);
        assert_eq!(reachability.cut_off_for(), None, "the dead are not cut off");
    }
}
