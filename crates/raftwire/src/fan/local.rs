//! The fan-outs of this node's own senders to this node's own connections: one after the other, so
//! that they keep their order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use raftwire_environment::Environment;
use smallvec::SmallVec;
use tokio::sync::{mpsc, oneshot};

use super::{FanJob, FanReply};
use crate::connection::Delivery;
use crate::{FullQueue, RouteOutcome};

/// Fan-outs that may wait. The task that drains them only waits for its turns, so this much gathers
/// only where senders are faster than memory.
const JOBS_MAX: usize = 1024;
/// Payload that may wait, so that few large messages are bounded too. One message always passes.
const JOB_BYTES_MAX: usize = 8 * 1024 * 1024;

#[derive(Debug)]
struct Waiting {
    job: FanJob,
    deadline: Instant,
    reply: Option<oneshot::Sender<FanReply>>,
}

/// The queue of local fan-outs. Cheap to clone; its task ends with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct LocalFans {
    jobs: mpsc::Sender<Waiting>,
    waiting_bytes: Arc<AtomicUsize>,
}

impl LocalFans {
    /// The queue, and the task that drains it.
    pub(crate) fn new(
        environment: Environment,
        delivery: Delivery,
    ) -> (LocalFans, impl Future<Output = ()> + Send + 'static) {
        let (jobs, receiver) = mpsc::channel(JOBS_MAX);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let task = drain(environment, delivery, receiver, Arc::clone(&waiting_bytes));
        (
            LocalFans {
                jobs,
                waiting_bytes,
            },
            task,
        )
    }

    /// Queues a fan-out. Never waits.
    pub(crate) fn send(
        &self,
        job: FanJob,
        deadline: Instant,
        reply: Option<oneshot::Sender<FanReply>>,
    ) -> Result<(), RouteOutcome> {
        let bytes = job.bytes();
        let before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_room = before == 0 || before + bytes <= JOB_BYTES_MAX;
        let waiting = Waiting {
            job,
            deadline,
            reply,
        };
        if is_room && self.jobs.try_send(waiting).is_ok() {
            return Ok(());
        }
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if self.jobs.is_closed() {
            return Err(RouteOutcome::Unavailable);
        }
        Err(RouteOutcome::Busy {
            queue: FullQueue::FanOut,
        })
    }
}

async fn drain(
    environment: Environment,
    delivery: Delivery,
    mut jobs: mpsc::Receiver<Waiting>,
    waiting_bytes: Arc<AtomicUsize>,
) {
    let is_past = |deadline: Instant| deadline <= environment.now();
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(first) => first,
            None => match jobs.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let Waiting {
            mut job,
            deadline,
            reply,
        } = first;
        if is_past(deadline) {
            waiting_bytes.fetch_sub(job.bytes(), Ordering::Relaxed);
            answer(reply, Err(RouteOutcome::Deadline { transmitted: false }));
            continue;
        }
        let mut replies = SmallVec::<[_; 1]>::from([reply]);
        while let Ok(waiting) = jobs.try_recv() {
            if is_past(waiting.deadline) || !job.takes(&waiting.job) {
                next = Some(waiting);
                break;
            }
            job.join(waiting.job);
            replies.push(waiting.reply);
        }
        loop {
            if let Some(counts) = job.advance(&delivery) {
                for (reply, counts) in replies.into_iter().zip(counts) {
                    answer(reply, Ok(counts));
                }
                break;
            }
            tokio::task::yield_now().await;
        }
        waiting_bytes.fetch_sub(job.bytes(), Ordering::Relaxed);
    }
}

fn answer(reply: Option<oneshot::Sender<FanReply>>, answer: FanReply) {
    if let Some(reply) = reply {
        // A sender that has gone no longer wants to know.
        let _ = reply.send(answer);
    }
}
