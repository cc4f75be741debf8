//! Answers lookups of nodes that do not have the log.

use raftwire_protocol::Name;

use super::asks::NAMES_MAX;
use super::reads;
use crate::shared::Shared;
use crate::wire::request::Lookup;
use crate::wire::response::{LookedUp, RefusalCode, Refused, ResponseKind};

/// Answers with everything that was committed before the question, or says who may know.
pub(crate) async fn answer(shared: &Shared, lookup: Lookup) -> ResponseKind {
    if lookup.names.len() > NAMES_MAX {
        let text = format!("a lookup has at most {NAMES_MAX} names");
        return ResponseKind::Refused(Refused::new(RefusalCode::Malformed, text));
    }
    if !shared.has_names() {
        return ResponseKind::Refused(Refused::not_leader(shared.leader()));
    }
    let Ok(state) = reads::read(shared).await else {
        return ResponseKind::Refused(Refused::not_leader(shared.leader()));
    };
    if state.is_fed() {
        return ResponseKind::Refused(Refused::not_leader(shared.leader()));
    }
    let rows = lookup.names.iter().map(|text| {
        let name: Option<Name> = text.parse().ok();
        // What is no name means nothing.
        name.and_then(|name| state.name(&name)).into()
    });
    ResponseKind::Lookup(LookedUp {
        rows: rows.collect(),
    })
}
