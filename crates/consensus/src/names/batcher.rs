//! Proposes what this node wants of the names: one batch at a time, numbered, and again until it is
//! answered or the incarnation has ended.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use raftwire_protocol::Incarnation;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::batch::{OPERATIONS_MAX, Queued, take_batch};
use super::register::RegisterError;
use crate::command::{
    BatchRefusal, Command, NameOperation, NameResult, NamesAnswer, NamesBatch, Outcome,
};
use crate::proposer::propose;
use crate::shared::Shared;

/// How long a batch is proposed before its incarnation is looked at again.
const PROPOSAL: Duration = Duration::from_secs(2);

/// The pause after an answer that makes no sense.
const PAUSE: Duration = Duration::from_millis(100);

/// How long losses that were handed on wait for a batch that says so; then there is one for them.
const ACKNOWLEDGE_AFTER: Duration = Duration::from_secs(1);

/// How many operations are kept ready for the next batches; the rest waits in the queue.
const READY_MAX: usize = 2 * OPERATIONS_MAX;

/// Runs until the node ends.
pub(crate) async fn run(shared: &Shared, mut queue: mpsc::Receiver<Queued>) {
    let mut batcher = Batcher {
        ready: VecDeque::new(),
        incarnation: Incarnation::NONE,
        number: 0,
        acknowledged: 0,
    };
    let mut handed = shared.names.handed.subscribe();
    let mut received = Vec::new();
    loop {
        if batcher.ready.is_empty() {
            let progress = (batcher.incarnation, batcher.acknowledged);
            tokio::select! {
                biased;
                count = queue.recv_many(&mut received, OPERATIONS_MAX) => if count == 0 {
                    return;
                },
                () = to_acknowledge(&mut handed, progress) => {}
            }
        }
        let room = READY_MAX.saturating_sub(batcher.ready.len() + received.len());
        if room > 0 && !queue.is_empty() {
            queue.recv_many(&mut received, room).await;
        }
        batcher.ready.extend(received.drain(..));
        if batcher.next(shared).await.is_none() {
            return;
        }
    }
}

/// Waits until losses of this incarnation have been handed on for so long that they need a batch
/// of their own.
async fn to_acknowledge(
    handed: &mut watch::Receiver<(Incarnation, u64)>,
    (incarnation, acknowledged): (Incarnation, u64),
) {
    let is_due = |(of, upto): &(Incarnation, u64)| *of >= incarnation && *upto > acknowledged;
    if handed.wait_for(is_due).await.is_err() {
        return std::future::pending().await;
    }
    sleep(ACKNOWLEDGE_AFTER).await;
}

#[derive(Debug)]
struct Batcher {
    ready: VecDeque<Queued>,
    /// Whose batches are numbered.
    incarnation: Incarnation,
    number: u64,
    acknowledged: u64,
}

/// What a batch came to.
enum Committed {
    Answer(Arc<NamesAnswer>),
    /// The log expects another number than the one after this.
    Misnumbered {
        last: u64,
    },
    /// The incarnation has ended: what the batch did counts no more.
    Ended,
}

impl Batcher {
    /// Makes the next batch, and waits for what becomes of it; `None` once the node ends.
    async fn next(&mut self, shared: &Shared) -> Option<()> {
        let mut membership = shared.published.membership.subscribe();
        let current = *membership.wait_for(Option::is_some).await.ok()?;
        let incarnation = current?.incarnation;
        if self.incarnation != incarnation {
            (self.incarnation, self.number, self.acknowledged) = (incarnation, 0, 0);
        }
        let (of, handed) = *shared.names.handed.borrow();
        let acknowledged_lost = if of == incarnation { handed } else { 0 };
        let operations = take_batch(&mut self.ready);
        if operations.is_empty() && acknowledged_lost <= self.acknowledged {
            return Some(());
        }
        self.number += 1;
        let command = Command::Names(NamesBatch {
            node: shared.options.node.clone(),
            incarnation,
            number: self.number,
            acknowledged_lost,
            operations: operations.iter().map(|it| it.operation.clone()).collect(),
        });
        let committed = tokio::select! {
            biased;
            // The answer first, if both are there: it says more.
            committed = commit(shared, &command, self.number) => committed,
            _ = membership.wait_for(|now| !is_of(now.as_ref(), incarnation)) => Committed::Ended,
        };
        match committed {
            Committed::Answer(answer) => {
                self.acknowledged = acknowledged_lost;
                self.tell(shared, operations, &answer);
            }
            Committed::Misnumbered { last } => {
                tracing::warn!(
                    number = self.number,
                    last,
                    "the log counts batches otherwise"
                );
                self.number = last;
                operations.into_iter().for_each(tell_of_nothing);
            }
            Committed::Ended => {
                operations.into_iter().for_each(tell_of_nothing);
                // Whatever the log said, this node hears of it before it proposes anything else.
                let ended = membership.wait_for(|now| !is_of(now.as_ref(), incarnation));
                ended.await.ok()?;
            }
        }
        Some(())
    }

    /// Tells those who wait. A registration whose caller has gone is taken back: nobody knows its
    /// epoch, so nobody else could.
    fn tell(&mut self, shared: &Shared, operations: Vec<Queued>, answer: &NamesAnswer) {
        let limit = shared.state().names_max;
        for (queued, result) in operations.into_iter().zip(&answer.results) {
            let Some(waiting) = queued.answer else {
                continue;
            };
            let result = match result {
                NameResult::Registered => Ok(answer.index),
                NameResult::Taken(node) => Err(RegisterError::Taken { by: node.clone() }),
                NameResult::Full => Err(RegisterError::Full { limit }),
                // No answer to a registration, and not possible in a batch that was made here.
                NameResult::Unregistered | NameResult::NotHeld | NameResult::Repeated => {
                    Err(RegisterError::Unavailable)
                }
            };
            if let Err(Ok(epoch)) = waiting.send(result) {
                let name = queued.operation.name().clone();
                self.ready.push_back(Queued {
                    operation: NameOperation::Unregister { name, epoch },
                    answer: None,
                });
            }
        }
    }
}

/// Proposes the batch until the log has answered it.
async fn commit(shared: &Shared, command: &Command, number: u64) -> Committed {
    loop {
        match propose(shared, command, PROPOSAL).await {
            Ok(Outcome::Names(answer)) if answer.number == number => {
                return Committed::Answer(answer);
            }
            Ok(Outcome::NamesRefused(BatchRefusal::NotMember)) => return Committed::Ended,
            Ok(Outcome::NamesRefused(BatchRefusal::Number { last })) => {
                return Committed::Misnumbered { last };
            }
            Ok(outcome) => {
                tracing::warn!(
                    ?outcome,
                    "an answer to another command than a batch of names"
                );
                sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::debug!(node = %shared.options.node, %error, "a batch of names waits");
                sleep(PAUSE).await;
            }
        }
    }
}

fn is_of(membership: Option<&crate::state::Membership>, incarnation: Incarnation) -> bool {
    membership.is_some_and(|membership| membership.incarnation == incarnation)
}

/// The batch may have been applied: there is no answer that says so or otherwise.
fn tell_of_nothing(queued: Queued) {
    if let Some(waiting) = queued.answer {
        // Whoever has gone needs no answer.
        let _ = waiting.send(Err(RegisterError::Unavailable));
    }
}
