//! The feed: how a node without a seat learns what is agreed on.
//!
//! It asks one node that has the log for what is newer than what it knows; the question is held there
//! until there is something, a second at most. The answers are numbered by the log, so a lost one
//! leaves no gap: the next question names what is known. Who is asked answers from the state alone
//! and remembers nobody, so the next question may go to another node.
//!
//! # How old it may be
//!
//! A node answers only while it holds its own lease, which a leader without a quorum gives nobody, so
//! that no answer comes from the lonely side of a partition. Whoever gets no answer asks the next node. An edge whose last answer was to a
//! question older than [`STALE_MAX`] lets its lease end: it may still serve under what is left of
//! it, that is for 0.8 of a lease at most, and is fenced then. Committed deaths and taken names
//! reach it in a round trip when nothing is wrong, and it never acts as a member on a state that is
//! older than `STALE_MAX` and 0.8 of a lease together.
//!
//! # Seats come and go
//!
//! What is published is the newest of what the engine applied and what the feed told. A node that
//! gets a seat goes over to its engine once that has applied as much; one that lost its seat notices
//! that no leader speaks to it any more, and asks for the feed.

mod losses;
mod source;

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver as _;
use prost::Message as _;
use raftwire_protocol::NodeId;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use self::losses::Losses;
use self::source::Sources;
use crate::control_network::CALL_BYTES_MAX;
use crate::engine;
use crate::shared::Shared;
use crate::state::{ClusterState, Collected, FeedCollector, FeedPage, LostName};
use crate::status::Role;
use crate::wire::request::{AskFeed, RequestKind};
use crate::wire::response::{Fed, RefusalCode, Refused, ResponseKind};
use crate::wire::{WireError, parse_node};

/// How long a question waits for something new: an edge is told of a change at once, and the time of
/// one that is told of nothing costs a question a second.
const HOLD: Duration = Duration::from_secs(1);

/// How long an answer may take beyond the holding: much more than a round trip through a broker.
const ANSWER: Duration = Duration::from_millis(500);

/// How old the last answered question may be before a node on the feed renews its lease no more:
/// two nodes that do not answer may be asked in vain until then.
pub(crate) const STALE_MAX: Duration = Duration::from_secs(4);

/// The pause after a question without an answer, and between looks whether the feed is needed.
const PAUSE: Duration = Duration::from_millis(100);

/// What an answer has beside its page: the names of the sources and the leader.
const ENVELOPE_BYTES_MAX: usize = 8 * 1024;

const _: () = assert!(STALE_MAX.as_millis() >= (HOLD.as_millis() + ANSWER.as_millis()) * 2 + 1_000);
const _: () = assert!(CALL_BYTES_MAX > 2 * ENVELOPE_BYTES_MAX);

/// Asks for the feed whenever this node needs it, until the node or its engine ends.
pub(crate) async fn run(shared: &Shared, losses: mpsc::Sender<LostName>) {
    let losses = Losses::new(losses);
    let mut known = shared.cluster_known.subscribe();
    if known.wait_for(|known| *known).await.is_err() {
        return;
    }
    let mut sources = Sources::new(shared.raft_id);
    while shared.published.status.borrow().role != Role::Stopped {
        if needs_feed(shared) {
            follow(shared, &mut sources, &losses).await;
        } else {
            sleep(PAUSE).await;
        }
    }
}

/// Whether no engine tells this node what is committed.
fn needs_feed(shared: &Shared) -> bool {
    let report = engine::metrics(&shared.engine);
    let leads = report.current_leader == Some(shared.raft_id.get());
    let is_told =
        leads || shared.hearing.leader.elapsed(shared.now()) <= shared.options.timings.failover();
    !(shared.has_log() && is_told)
}

/// Follows the feed until it is not needed any more, or a source has failed.
async fn follow(shared: &Shared, sources: &mut Sources, losses: &Losses) {
    let mut collector = FeedCollector::new(&shared.state());
    let mut wanted = shared.hearing.wanted.subscribe();
    while needs_feed(shared) {
        let Some(source) = sources.current(shared) else {
            sleep(PAUSE).await;
            return;
        };
        let asked = shared.now();
        let at_least = *wanted.borrow_and_update();
        let lost = losses.question(shared);
        let (question, hold) = question(&collector, at_least, lost);
        let is_urgent = at_least > collector.question().0;
        let call = shared
            .network
            .call_held(&source, question, hold + ANSWER, hold);
        let answer = tokio::select! {
            biased;
            answer = call => answer.ok().and_then(|answer| ResponseKind::from_bytes(answer).ok()),
            // Somebody waits for a later index, and the question waits for news: it is put anew. One
            // that is to be answered at an index is not, or it might never be answered.
            changed = wanted.changed(), if !is_urgent => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let taken = match answer {
            Some(ResponseKind::Feed(mut fed)) => {
                let told = std::mem::take(&mut fed.lost);
                losses.hand_on(shared, lost.0, &told).await;
                take(shared, &mut collector, sources, fed)
            }
            _ => Taken::Failed,
        };
        match taken {
            Taken::Current => shared.hearing.feed.note(asked),
            Taken::Part => {}
            Taken::Failed => {
                sources.failed();
                sleep(PAUSE).await;
                return;
            }
        }
    }
}

fn question(
    collector: &FeedCollector,
    at_least: u64,
    (incarnation, lost_after): (u64, u64),
) -> (bytes::Bytes, Duration) {
    let (known, after) = collector.question();
    let is_part = after.is_some();
    let hold = if is_part { Duration::ZERO } else { HOLD };
    let question = AskFeed {
        known,
        after: after.map(|node| node.as_str().to_owned()),
        at_least,
        hold_ms: u32::try_from(hold.as_millis()).unwrap_or(u32::MAX),
        incarnation,
        lost_after,
    };
    (RequestKind::Feed(question).into_bytes(), hold)
}

/// What an answer was good for.
enum Taken {
    /// This node is as far as its source.
    Current,
    /// More has to be asked for.
    Part,
    Failed,
}

fn take(
    shared: &Shared,
    collector: &mut FeedCollector,
    sources: &mut Sources,
    mut fed: Fed,
) -> Taken {
    let named = std::mem::take(&mut fed.sources);
    let Ok((page, leader)) = parse(&fed) else {
        return Taken::Failed;
    };
    match collector.take(page) {
        Ok(Collected::State(state)) => {
            sources.named(&named);
            publish(shared, state);
            publish_status(shared, &fed, leader);
            Taken::Current
        }
        Ok(Collected::More) => Taken::Part,
        Ok(Collected::Behind) | Err(_) => Taken::Failed,
        Ok(Collected::OtherCluster) => {
            shared.report_if_none(
                "the cluster has another id than before, it was recovered as a new one: restart \
                 this node"
                    .to_owned(),
            );
            Taken::Failed
        }
    }
}

fn parse(fed: &Fed) -> Result<(FeedPage, Option<NodeId>), WireError> {
    let node = |name: &Option<String>| name.as_deref().map(parse_node).transpose();
    let page = FeedPage {
        bytes: fed.page.clone(),
        full: fed.full,
        more_after: node(&fed.more_after)?,
    };
    Ok((page, node(&fed.leader)?))
}

/// Publishes what came, unless the engine was faster.
fn publish(shared: &Shared, state: Arc<ClusterState>) {
    shared.published.state.send_if_modified(|published| {
        let is_news = state.applied_index > published.applied_index;
        if is_news {
            *published = state;
        }
        is_news
    });
}

/// A node on the feed knows from its source who leads.
fn publish_status(shared: &Shared, fed: &Fed, leader: Option<NodeId>) {
    let state = shared.state();
    if !state.is_fed() {
        return;
    }
    shared.published.status.send_if_modified(|status| {
        if status.role == Role::Stopped {
            return false;
        }
        let before = status.clone();
        status.role = Role::Edge;
        status.leader = leader.filter(|leader| *leader != shared.options.node);
        status.term = status.term.max(fed.term);
        status.voters = usize::try_from(fed.voters).unwrap_or(usize::MAX);
        status.applied_index = state.applied_index;
        *status != before
    });
}

/// A peer's question, held until there is something new.
pub(crate) async fn answer(shared: &Shared, question: AskFeed) -> ResponseKind {
    let after = match question.after.as_deref().map(parse_node).transpose() {
        Ok(after) => after,
        Err(error) => {
            let text = error.to_string();
            return ResponseKind::Refused(Refused::new(RefusalCode::Malformed, text));
        }
    };
    let has_lease = shared.published.lease.view().holds(shared.now());
    if needs_feed(shared) || !has_lease {
        let text = "this node has no log or no lease, or has heard from no leader lately";
        let mut refused = Refused::new(RefusalCode::NoLog, text);
        refused.leader = shared.leader().map(|leader| leader.as_str().to_owned());
        return ResponseKind::Refused(refused);
    }
    let hold = Duration::from_millis(question.hold_ms.into()).min(HOLD);
    let mut states = shared.published.state.subscribe();
    // Not within the time: then the answer is that nothing is new up to an index.
    let _ = timeout(hold, states.wait_for(|state| is_answered(state, &question))).await;
    let state = shared.state();
    if state.is_fed() || state.cluster_id.is_none() {
        let text = "this node has just lost its seat";
        return ResponseKind::Refused(Refused::new(RefusalCode::NoLog, text));
    }
    let lost = losses::news(&state, &question);
    let taken: usize = lost.iter().map(|record| record.encoded_len() + 4).sum();
    let room = CALL_BYTES_MAX.saturating_sub(ENVELOPE_BYTES_MAX + taken);
    let page = FeedPage::of(&state, question.known, after.as_ref(), room);
    let report = shared.engine.metrics().borrow_watched().clone();
    let seats = report.membership_config.nodes();
    ResponseKind::Feed(Fed {
        page: page.bytes,
        full: page.full,
        more_after: page.more_after.map(|node| node.as_str().to_owned()),
        term: report.current_term,
        leader: shared.leader().map(|leader| leader.as_str().to_owned()),
        sources: seats.map(|(_, seat)| seat.node.clone()).collect(),
        voters: u32::try_from(report.membership_config.voter_ids().count()).unwrap_or(u32::MAX),
        lost,
    })
}

fn is_answered(state: &ClusterState, question: &AskFeed) -> bool {
    let is_waited_for = question.at_least > question.known;
    question.after.is_some()
        || losses::has_news(state, question)
        || state.changed_at > question.known
        || is_waited_for && state.applied_index >= question.at_least
}
