use std::collections::BTreeSet;
use std::sync::Arc;

use raftwire_protocol::{Incarnation, MintedId, Name};

use super::holder::{Holder, LossKey};
use super::{LostName, NameRow, Names};
use crate::command::{
    BatchRefusal, NameOperation, NamePolicy, NameResult, NamesAnswer, NamesBatch,
};

/// How many rows there are at most for each name that may be registered: the row of a living one,
/// and one that a death left and no sweep has come to yet. It bounds what deaths add to the memory.
const ROWS_PER_NAME: u64 = 2;

impl Names {
    /// Applies a batch, or finds the answer that it was given before.
    pub(in crate::state) fn apply_batch(
        &mut self,
        index: u64,
        batch: &NamesBatch,
        names_max: u64,
    ) -> Result<Arc<NamesAnswer>, BatchRefusal> {
        let holder = self
            .holders
            .get(&batch.incarnation)
            .filter(|holder| holder.node.as_ref() == Some(&batch.node))
            .ok_or(BatchRefusal::NotMember)?;
        let last = holder.last_number();
        if let Some(answered) = &holder.answered
            && last == batch.number
        {
            return Ok(Arc::clone(answered));
        }
        if last.checked_add(1) != Some(batch.number) {
            return Err(BatchRefusal::Number { last });
        }
        self.acknowledge(batch.incarnation, batch.acknowledged_lost);
        let mut seen = BTreeSet::new();
        let mut results = Vec::with_capacity(batch.operations.len());
        for (position, operation) in (0..).zip(&batch.operations) {
            let result = if seen.insert(operation.name()) {
                let key = LossKey { index, position };
                self.apply_operation(key, batch.incarnation, operation, names_max)
            } else {
                NameResult::Repeated
            };
            results.push(result);
        }
        let answer = Arc::new(NamesAnswer {
            number: batch.number,
            index,
            results,
        });
        self.change(batch.incarnation, |holder| {
            holder.answered = Some(Arc::clone(&answer));
        });
        Ok(answer)
    }

    /// Removes rows of a dead incarnation, at most `rows_max`; whether there were any.
    pub(in crate::state) fn sweep(&mut self, incarnation: Incarnation, rows_max: u32) -> bool {
        let Some(holder) = self.holders.get(&incarnation) else {
            return false;
        };
        if holder.node.is_some() {
            return false;
        }
        let rows_max = usize::try_from(rows_max).unwrap_or(usize::MAX);
        let swept: Vec<Name> = holder
            .names
            .iter()
            .take(rows_max)
            .map(|(name, ())| name.clone())
            .collect();
        for name in &swept {
            self.rows.remove(name);
        }
        self.change(incarnation, |holder| {
            for name in &swept {
                holder.names.remove(name);
            }
        });
        self.forget_if_done(incarnation);
        !swept.is_empty()
    }

    fn apply_operation(
        &mut self,
        key: LossKey,
        incarnation: Incarnation,
        operation: &NameOperation,
        names_max: u64,
    ) -> NameResult {
        match operation {
            NameOperation::Register {
                name,
                connection,
                policy,
            } => {
                let row = NameRow {
                    connection: *connection,
                    epoch: key.index,
                    incarnation,
                };
                self.register(key, name, row, *policy, names_max)
            }
            NameOperation::Unregister { name, epoch } => self.unregister(name, *epoch, incarnation),
        }
    }

    fn register(
        &mut self,
        key: LossKey,
        name: &Name,
        row: NameRow,
        policy: NamePolicy,
        names_max: u64,
    ) -> NameResult {
        let Some(present) = self.get(name.as_str()).copied() else {
            if self.living >= names_max {
                return NameResult::Full;
            }
            self.put(name, row);
            self.sweep_beyond(names_max.saturating_mul(ROWS_PER_NAME));
            return NameResult::Registered;
        };
        if is_same_connection(&present, row.connection, row.incarnation) {
            self.put(name, row);
            return NameResult::Registered;
        }
        if policy == NamePolicy::IfFree
            && let Some(node) = self.node_of(present.incarnation)
        {
            return NameResult::Taken(node);
        }
        // A loss is kept until its node has acknowledged it, and this bounds all of them.
        if self.losses >= names_max {
            return NameResult::Full;
        }
        self.lose(key, name, &present);
        self.put(name, row);
        NameResult::Registered
    }

    /// Removes rows of the dead while there are more than `rows_max`, living and dead. The dead never
    /// keep the living from a name: they wait for their sweep only as long as there is room.
    fn sweep_beyond(&mut self, rows_max: u64) {
        while self.rows.len() as u64 > rows_max
            && let Some(dead) = self.to_sweep()
        {
            self.sweep(dead, 1);
        }
    }

    fn unregister(&mut self, name: &Name, epoch: u64, incarnation: Incarnation) -> NameResult {
        let held = self
            .get(name.as_str())
            .is_some_and(|row| row.epoch == epoch && row.incarnation == incarnation);
        if !held {
            return NameResult::NotHeld;
        }
        self.rows.remove(name);
        self.change(incarnation, |holder| {
            holder.names.remove(name);
        });
        self.living -= 1;
        NameResult::Unregistered
    }

    /// The name has this row from now on, whoever had it before.
    fn put(&mut self, name: &Name, row: NameRow) {
        let former = self.rows.insert(name.clone(), row);
        let former = former.map(|former| former.incarnation);
        if former == Some(row.incarnation) {
            return;
        }
        if let Some(former) = former {
            let was_living = self.is_living(former);
            self.living -= u64::from(was_living);
            self.change(former, |holder| {
                holder.names.remove(name);
            });
            self.forget_if_done(former);
        }
        self.change(row.incarnation, |holder| {
            holder.names.insert(name.clone(), ());
        });
        self.living += 1;
    }

    /// The holder of `row` has lost the name.
    fn lose(&mut self, key: LossKey, name: &Name, row: &NameRow) {
        let lost = LostName {
            name: name.clone(),
            connection: row.connection,
            epoch: row.epoch,
        };
        self.change(row.incarnation, |holder| {
            holder.losses.insert(key, lost);
        });
        self.losses += 1;
    }

    fn acknowledge(&mut self, incarnation: Incarnation, upto: u64) {
        let mut acknowledged = 0;
        self.change(incarnation, |holder| {
            while let Some((key, _)) = holder.losses.first()
                && key.index <= upto
            {
                let key = *key;
                holder.losses.remove(&key);
                acknowledged += 1;
            }
        });
        self.losses -= acknowledged;
    }

    fn node_of(&self, incarnation: Incarnation) -> Option<raftwire_protocol::NodeId> {
        self.holders.get(&incarnation)?.node.clone()
    }

    fn change(&mut self, incarnation: Incarnation, change: impl FnOnce(&mut Holder)) {
        if let Some(holder) = self.holders.get_mut(&incarnation) {
            change(Arc::make_mut(holder));
        }
    }
}

/// A connection that registers its own name again gets a new epoch, and loses nothing.
fn is_same_connection(row: &NameRow, connection: MintedId, incarnation: Incarnation) -> bool {
    row.connection == connection && row.incarnation == incarnation
}
