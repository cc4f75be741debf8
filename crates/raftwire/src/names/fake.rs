//! Agreed names without a cluster, for tests: a table, with a log's index.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use raftwire_consensus::{NamePolicy, NameRow, NoQuorum, RegisterError};
use raftwire_protocol::{Incarnation, MintedId, Name};

use super::NameService;

/// How long the log takes for an entry.
const ENTRY: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
pub(super) struct FakeState {
    pub(super) rows: BTreeMap<Name, NameRow>,
    pub(super) index: u64,
    /// What the next registrations are answered with.
    pub(super) refusals: Vec<RegisterError>,
    pub(super) registrations: usize,
}

#[derive(Debug, Default)]
pub(super) struct FakeNames {
    state: Mutex<FakeState>,
}

impl FakeNames {
    pub(super) fn lock(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl NameService for FakeNames {
    fn name(&self, name: &Name) -> Option<NameRow> {
        self.lock().rows.get(name).copied()
    }

    async fn lookup(&self, name: &Name) -> Result<Option<NameRow>, NoQuorum> {
        tokio::time::sleep(ENTRY).await;
        Ok(self.name(name))
    }

    async fn register(
        &self,
        name: Name,
        connection: MintedId,
        policy: NamePolicy,
    ) -> Result<u64, RegisterError> {
        let epoch = {
            let mut state = self.lock();
            state.registrations += 1;
            if let Some(refusal) = state.refusals.pop() {
                return Err(refusal);
            }
            let other = state.rows.get(&name).map(|row| row.connection);
            if policy == NamePolicy::IfFree && other.is_some_and(|other| other != connection) {
                let by = "other".parse().expect("a node id");
                return Err(RegisterError::Taken { by });
            }
            state.index += 1;
            let row = NameRow {
                connection,
                epoch: state.index,
                incarnation: Incarnation::new(1),
            };
            state.rows.insert(name, row);
            row.epoch
        };
        tokio::time::sleep(ENTRY).await;
        Ok(epoch)
    }

    async fn unregister(&self, name: Name, epoch: u64) {
        let mut state = self.lock();
        state.index += 1;
        if state.rows.get(&name).is_some_and(|row| row.epoch == epoch) {
            state.rows.remove(&name);
        }
    }
}
