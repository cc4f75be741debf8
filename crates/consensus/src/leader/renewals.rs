//! The leader's answer to a renewal; the lease module's page says what the steps are for.

use raftwire_protocol::{Incarnation, NodeId};

use crate::shared::Shared;
use crate::wire::request::Renew;
use crate::wire::response::{RefusalCode, Refused, Renewed, ResponseKind};

/// Grants or does not; either way, with a fresh nonce.
pub(crate) async fn answer(shared: &Shared, from: &NodeId, renew: &Renew) -> ResponseKind {
    let arrived = shared.now();
    if renew.node != from.as_str() {
        let text = "a node renews its own lease only";
        return ResponseKind::Refused(Refused::new(RefusalCode::Malformed, text));
    }
    let incarnation = Incarnation::new(renew.incarnation);
    let state = shared.state();
    let (term, acceptable) = {
        let mut table = shared.table();
        table.observe(&state, arrived);
        let acceptable = table.accepts(from, incarnation, renew.nonce, state.lease, arrived);
        (table.term(), acceptable)
    };
    let Some(term) = term else {
        return ResponseKind::Refused(Refused::not_leader(shared.leader()));
    };
    // The round begins after the arrival, whatever the renewal waited for before.
    let confirmed = acceptable && shared.rounds.confirm().await.is_ok();

    let state = shared.state();
    let now = shared.now();
    let value = shared.environment.random_u64();
    let mut table = shared.table();
    table.observe(&state, now);
    let granted = confirmed && table.grant(term, from, incarnation, now);
    ResponseKind::Renew(Renewed {
        granted,
        lease_ms: u64::try_from(state.lease.as_millis()).unwrap_or(u64::MAX),
        nonce: table.issue(from, value, now),
        join: !state.is_alive(from, incarnation),
    })
}
