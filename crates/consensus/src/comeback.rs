//! A voter that comes back elects nobody while a leader may still count on what it said before.
//!
//! A leader calls itself the leader for 0.8 of [`election_max`](crate::Timings::election_max) after its last word to
//! a quorum, since the voters of that quorum elect nobody else meanwhile: each waits that long after it last heard a
//! leader (Raft dissertation, §6.4.1). A process that has just started does not remember what it heard. So where its
//! vote says that it took part in an election before, it neither votes nor stands for `election_max` after its start.
//! Entries it takes at once.

use std::time::Duration;

use crate::engine::metrics;
use crate::shared::Shared;
use crate::wire::request::RequestKind;

/// Whether a candidate asks for a vote that this node may not give yet.
pub(crate) fn is_too_early(shared: &Shared, request: &RequestKind) -> bool {
    let is_ballot = matches!(request, RequestKind::Vote(_) | RequestKind::PreVote(_));
    is_ballot && shared.now() < shared.votes_from
}

/// Lets the engine stand for elections once it may.
pub(crate) async fn run(shared: &Shared) {
    let voters = metrics(&shared.engine);
    let is_alone = voters
        .membership_config
        .voter_ids()
        .eq([shared.raft_id.get()]);
    let wait = shared.votes_from.duration_since(shared.now());
    // The only voter has nobody who could have been elected by others.
    if !wait.is_zero() && !is_alone {
        tokio::time::sleep(wait + apart(shared)).await;
    }
    shared.engine.runtime_config().elect(true);
}

/// Nodes that come back together do not stand together.
fn apart(shared: &Shared) -> Duration {
    let timings = &shared.options.timings;
    let most = timings.election_max.saturating_sub(timings.election_min);
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(shared.environment.random_range(0..most.max(1)))
}
