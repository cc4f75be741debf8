use std::sync::Arc;

use raftwire_protocol::{Name, NodeId};

use super::LostName;
use crate::command::NamesAnswer;
use crate::state::ordered_map::OrderedMap;

/// What the state knows of one incarnation's names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Holder {
    /// Whose incarnation it is; none once it is dead.
    pub(super) node: Option<NodeId>,
    /// The names of its rows.
    pub(super) names: OrderedMap<Name, ()>,
    /// The answer to its last batch; none before the first.
    pub(super) answered: Option<Arc<NamesAnswer>>,
    /// What was taken from it and it has not acknowledged.
    pub(super) losses: OrderedMap<LossKey, LostName>,
}

/// Which loss: the entry, and which of its operations took the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LossKey {
    pub(super) index: u64,
    pub(super) position: u32,
}

impl Holder {
    pub(super) fn of(node: NodeId) -> Holder {
        Holder {
            node: Some(node),
            ..Holder::default()
        }
    }

    /// What is left of it after its death.
    pub(super) fn ended(&self) -> Holder {
        Holder {
            names: self.names.clone(),
            ..Holder::default()
        }
    }

    /// The number of its last batch.
    pub(super) fn last_number(&self) -> u64 {
        self.answered.as_ref().map_or(0, |answer| answer.number)
    }
}

impl LossKey {
    /// The first that an entry after `index` can have.
    pub(super) fn after(index: u64) -> LossKey {
        LossKey {
            index: index.saturating_add(1),
            position: 0,
        }
    }
}
