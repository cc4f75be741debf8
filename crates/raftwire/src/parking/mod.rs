//! Messages that wait, in order, until this node knows who owns their connection.

mod line;
mod room;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use futures_util::future::try_join;
use raftwire_environment::Environment;
use raftwire_protocol::MintedId;
use tokio::sync::watch;

pub(crate) use self::line::{Lines, Place};
pub(crate) use self::room::{Room, Seat};
use crate::{ParkedMetrics, RouteOutcome};

/// Brings this node's directory up to what the cluster has agreed on by now.
#[async_trait]
pub(crate) trait Resolver: fmt::Debug + Send + Sync {
    /// Returns once the directory holds everything that was committed before the call.
    /// `false`: that cannot be had now (no leader, no quorum).
    async fn catch_up(&self) -> bool;

    /// The index that the directory has been made from.
    fn applied(&self) -> watch::Receiver<u64>;
}

#[derive(Debug)]
struct Shared {
    environment: Environment,
    resolver: Arc<dyn Resolver>,
    /// The number of the last question that was begun, and of the last that was answered.
    rounds: watch::Sender<Rounds>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rounds {
    begun: u64,
    ended: u64,
    is_current: bool,
}

/// Where messages for connections of unknown processes wait.
#[derive(Debug)]
pub(crate) struct Parking {
    shared: Arc<Shared>,
    lines: Lines<MintedId>,
    room: Room,
}

/// The first place of a connection's line. Dropping it lets the next one go.
#[derive(Debug)]
pub(crate) struct Ticket {
    // Declared first, dropped first: the next in line is woken when there is room.
    _seat: Seat,
    _place: Place<MintedId>,
}

impl Shared {
    /// Waits until the owner is known, or the directory is current without it. The owner may become
    /// known on the usual way before the leader has answered, and without a leader as well; what
    /// waits behind a first message then follows at once.
    async fn until_known(self: &Arc<Self>, is_known: impl Fn() -> bool) -> bool {
        let mut applied = self.resolver.applied();
        let mut caught_up = std::pin::pin!(self.catch_up());
        loop {
            if is_known() {
                return true;
            }
            tokio::select! {
                is_current = &mut caught_up => return is_current,
                Ok(()) = applied.changed() => {}
            }
        }
    }

    /// Waits for a question that was begun after this call: concurrent callers share it.
    async fn catch_up(self: &Arc<Self>) -> bool {
        let mut rounds = self.rounds.subscribe();
        let needed = rounds.borrow().begun + 1;
        loop {
            let now = *rounds.borrow_and_update();
            if now.ended >= needed {
                return now.is_current;
            }
            if now.begun == now.ended {
                self.begin_round();
            }
            if rounds.changed().await.is_err() {
                return false;
            }
        }
    }

    /// Asks, unless somebody has begun to meanwhile. In a task of its own: who asked first may stop
    /// to wait, and the others still want to know.
    fn begin_round(self: &Arc<Self>) {
        let is_mine = self.rounds.send_if_modified(|rounds| {
            let is_mine = rounds.begun == rounds.ended;
            rounds.begun += u64::from(is_mine);
            is_mine
        });
        if !is_mine {
            return;
        }
        let round = Round {
            shared: Arc::clone(self),
            is_current: false,
        };
        drop(self.environment.spawn("catch up", async move {
            let is_current = round.shared.resolver.catch_up().await;
            round.end(is_current);
        }));
    }
}

/// A question that is under way; it ends however its task ends.
struct Round {
    shared: Arc<Shared>,
    is_current: bool,
}

impl Round {
    fn end(mut self, is_current: bool) {
        self.is_current = is_current;
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        self.shared.rounds.send_modify(|rounds| {
            rounds.ended = rounds.begun;
            rounds.is_current = self.is_current;
        });
    }
}

impl Parking {
    pub(crate) fn new(environment: Environment, resolver: Arc<dyn Resolver>) -> Parking {
        let (rounds, _) = watch::channel(Rounds::default());
        let shared = Arc::new(Shared {
            environment,
            resolver,
            rounds,
        });
        Parking {
            shared,
            lines: Lines::new(),
            room: Room::default(),
        }
    }

    /// What everything that waits shares.
    pub(crate) fn room(&self) -> &Room {
        &self.room
    }

    pub(crate) fn metrics(&self) -> ParkedMetrics {
        self.room.metrics()
    }

    /// Waits until the directory has been made from this index, or a later one.
    pub(crate) async fn applied(&self, index: u64) -> bool {
        let mut applied = self.shared.resolver.applied();
        applied.wait_for(|applied| *applied >= index).await.is_ok()
    }

    /// Whether messages for this connection wait: later ones must wait behind them.
    pub(crate) fn is_parked(&self, id: &MintedId) -> bool {
        self.lines.is_waited_in(id)
    }

    /// Waits until the directory knows the owner or is current, in line with the other messages for
    /// `id`.
    pub(crate) async fn enter(
        &self,
        id: &MintedId,
        payload_bytes: usize,
        deadline: Instant,
        is_known: impl Fn() -> bool,
    ) -> Result<Ticket, RouteOutcome> {
        let seat = self.room.sit(payload_bytes)?;
        let place = self.lines.enter(id, None);
        // Asked while it waits for its turn: the answer is younger than the message, whoever is first.
        let wait = try_join(
            async {
                place.turn().await;
                Ok(())
            },
            async {
                self.shared
                    .until_known(is_known)
                    .await
                    .then_some(())
                    .ok_or(())
            },
        );
        match tokio::time::timeout_at(deadline.into(), wait).await {
            Ok(Ok(_)) => Ok(Ticket {
                _seat: seat,
                _place: place,
            }),
            Ok(Err(())) => Err(RouteOutcome::Unavailable),
            Err(_) => Err(RouteOutcome::Deadline { transmitted: false }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;
    use raftwire_protocol::{Boot, Slot};

    use super::room::PARKED_BYTES_MAX;
    use super::*;
    use crate::FullQueue;

    #[derive(Debug)]
    struct Counting {
        questions: AtomicU64,
        takes: Duration,
        is_current: bool,
        applied: watch::Sender<u64>,
    }

    #[async_trait]
    impl Resolver for Counting {
        async fn catch_up(&self) -> bool {
            self.questions.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(self.takes).await;
            self.is_current
        }

        fn applied(&self) -> watch::Receiver<u64> {
            self.applied.subscribe()
        }
    }

    fn unknown() -> bool {
        false
    }

    fn parking(takes: Duration, is_current: bool) -> (Parking, Arc<Counting>) {
        let resolver = Arc::new(Counting {
            questions: AtomicU64::new(0),
            takes,
            is_current,
            applied: watch::Sender::new(0),
        });
        (
            Parking::new(
                Environment::real(),
                Arc::clone(&resolver) as Arc<dyn Resolver>,
            ),
            resolver,
        )
    }

    fn id(index: u32) -> MintedId {
        MintedId::new(Slot::new(1), Boot::new(1).expect("24 bits"), index, 0, 0)
    }

    fn in_seconds(seconds: u64) -> Instant {
        Environment::real().now() + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_questions_at_once_are_one() {
        let (parking, resolver) = parking(Duration::from_millis(10), true);
        let ids: Vec<_> = (0..1_000).map(id).collect();
        let asks = ids
            .iter()
            .map(|id| parking.enter(id, 0, in_seconds(5), unknown));

        let tickets = join_all(asks).await;

        assert!(tickets.iter().all(Result::is_ok));
        assert!(resolver.questions.load(Ordering::Relaxed) <= 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_arrives_while_one_is_under_way_joins_the_next() {
        let (parking, resolver) = parking(Duration::from_millis(10), true);
        let id_of_late = id(2);
        let late = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            parking.enter(&id_of_late, 0, in_seconds(5), unknown).await
        };

        let id_of_early = id(1);
        let (early, late) =
            tokio::join!(parking.enter(&id_of_early, 0, in_seconds(5), unknown), late);

        assert!(early.is_ok() && late.is_ok());
        assert_eq!(resolver.questions.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn no_quorum_is_unavailable_and_never_not_found() {
        let (parking, _) = parking(Duration::ZERO, false);

        let refused = parking.enter(&id(1), 0, in_seconds(5), unknown).await;

        assert_eq!(refused.map(drop), Err(RouteOutcome::Unavailable));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_deadline() {
        let (parking, _) = parking(Duration::from_secs(60), true);

        let late = parking.enter(&id(1), 0, in_seconds(1), unknown).await;

        assert_eq!(
            late.map(drop),
            Err(RouteOutcome::Deadline { transmitted: false })
        );
        assert!(!parking.is_parked(&id(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn parked_bytes_are_bounded() {
        let (parking, _) = parking(Duration::from_millis(1), true);
        let (one, two) = (id(1), id(2));
        let first = parking.enter(&one, PARKED_BYTES_MAX, in_seconds(5), unknown);
        let second = parking.enter(&two, 1, in_seconds(5), unknown);

        let (first, second) = tokio::join!(first, second);

        assert!(first.is_ok());
        assert_eq!(
            second.map(drop),
            Err(RouteOutcome::Busy {
                queue: FullQueue::Parked
            })
        );
    }

    #[tokio::test(start_paused = true)]
    async fn later_messages_wait_behind_earlier_ones() {
        let (parking, _) = parking(Duration::from_millis(1), true);
        let connection = id(1);
        let first = parking
            .enter(&connection, 0, in_seconds(5), unknown)
            .await
            .expect("current");
        assert!(parking.is_parked(&connection));

        let second = parking.enter(&connection, 0, in_seconds(5), unknown);
        tokio::pin!(second);
        let early = tokio::time::timeout(Duration::from_secs(1), &mut second).await;
        assert!(early.is_err(), "the first still has its turn");
        drop(first);

        assert!(second.await.is_ok());
        assert!(!parking.is_parked(&connection));
    }

    #[tokio::test(start_paused = true)]
    async fn an_owner_that_becomes_known_meanwhile_needs_no_leader() {
        let (parking, resolver) = parking(Duration::from_secs(60), false);
        let is_known = AtomicBool::new(false);
        let learns = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            is_known.store(true, Ordering::Relaxed);
            resolver.applied.send_replace(1);
        };

        let connection = id(1);
        let known = || is_known.load(Ordering::Relaxed);
        let enter = parking.enter(&connection, 0, in_seconds(5), known);
        let (entered, ()) = tokio::join!(enter, learns);

        assert!(entered.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_behind_the_first_asks_nothing_once_the_owner_is_known() {
        let (parking, resolver) = parking(Duration::from_millis(1), true);
        let connection = id(1);
        let first = parking
            .enter(&connection, 0, in_seconds(5), unknown)
            .await
            .expect("current");

        let second = parking.enter(&connection, 0, in_seconds(5), || true);
        let (second, ()) = tokio::join!(second, async { drop(first) });

        assert!(second.is_ok());
        assert_eq!(resolver.questions.load(Ordering::Relaxed), 1);
    }
}
