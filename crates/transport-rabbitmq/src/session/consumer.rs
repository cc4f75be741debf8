use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use raftwire_transport::broker::{Lane, MessageSource};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::amqp::{Incoming, Method};
use crate::bundle::unbundle;
use crate::connection::{Commands, Connection, Frames, Problem};

/// How often within an interval of heartbeats one is sent.
const HEARTBEATS_PER_INTERVAL: u32 = 2;

/// After this part of what may be delivered unacknowledged, it is acknowledged although more waits
/// to be taken in: so early that the broker never has to wait for it.
const ACKNOWLEDGED_AT: u64 = 4;

/// The messages that are delivered to this node.
///
/// A message is acknowledged when the reader of the events has been told of all of it: what the
/// broker has delivered and keeps until then is bounded by the prefetch.
pub(super) struct Deliveries {
    lane: Arc<Lane>,
    frames: Frames,
    /// The rest of the message that was delivered last.
    rest: VecDeque<Bytes>,
    delivered: u64,
    acknowledged: u64,
    acknowledge_at: u64,
    done: Arc<Done>,
}

/// Acknowledges what is done with, and keeps the connection alive, however long the reader takes.
pub(super) struct Acknowledger {
    commands: Commands,
    heartbeat: Duration,
    done: Arc<Done>,
    /// What was acknowledged last: a second time would be an error of the protocol, which ends the
    /// channel.
    acknowledged: u64,
}

/// How far the messages are done with.
#[derive(Debug, Default)]
struct Done {
    tag: AtomicU64,
    changed: Notify,
}

pub(super) fn consume(
    lane: Arc<Lane>,
    connection: Connection,
    prefetch: u16,
    heartbeat: Duration,
) -> (Deliveries, Acknowledger) {
    let Connection { frames, commands } = connection;
    let done = Arc::new(Done::default());
    let deliveries = Deliveries {
        lane,
        frames,
        rest: VecDeque::new(),
        delivered: 0,
        acknowledged: 0,
        acknowledge_at: (u64::from(prefetch) / ACKNOWLEDGED_AT).max(1),
        done: Arc::clone(&done),
    };
    let acknowledger = Acknowledger {
        commands,
        heartbeat,
        done,
        acknowledged: 0,
    };
    (deliveries, acknowledger)
}

impl Deliveries {
    /// What has come already, or `None`; then everything that came before is done with.
    fn ready(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            if let Some(message) = self.rest.pop_front() {
                return Ok(Some(message));
            }
            if self.delivered - self.acknowledged >= self.acknowledge_at {
                self.acknowledge();
            }
            match self.frames.ready()? {
                Some(incoming) => self.take(incoming)?,
                None => return Ok(None),
            }
        }
    }

    fn take(&mut self, incoming: Incoming) -> Result<(), Problem> {
        match incoming {
            Incoming::Delivery { tag, body } => {
                self.delivered = tag;
                // What cannot be read is acknowledged as well: it would only come again.
                match body.and_then(unbundle) {
                    Some(publications) => self.rest = publications,
                    None => self.lane.malformed(),
                }
                Ok(())
            }
            Incoming::Heartbeat => Ok(()),
            // An alarm is told to whoever has published by this connection, which is nobody.
            Incoming::Method(Method::Blocked { .. } | Method::Unblocked | Method::Done) => Ok(()),
            Incoming::Method(_) | Incoming::Returned { .. } => Err(self.frames.unexpected()),
        }
    }

    fn acknowledge(&mut self) {
        if self.delivered > self.acknowledged {
            self.acknowledged = self.delivered;
            self.done.tag.store(self.delivered, Ordering::Relaxed);
            self.done.changed.notify_one();
        }
    }
}

impl MessageSource for Deliveries {
    async fn next(&mut self) -> Result<Bytes, String> {
        let next = async {
            loop {
                if let Some(message) = self.ready()? {
                    return Ok(message);
                }
                self.acknowledge();
                let incoming = self.frames.next().await?;
                self.take(incoming)?;
            }
        };
        next.await.map_err(|problem: Problem| problem.to_string())
    }
}

impl Acknowledger {
    /// Runs until the connection ends.
    pub(super) async fn run(&mut self) -> Problem {
        let mut ticks = tokio::time::interval(self.heartbeat / HEARTBEATS_PER_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_pending = self.commands.is_pending();
            tokio::select! {
                biased;
                advanced = self.commands.advance(), if is_pending => {
                    if let Err(problem) = advanced {
                        return problem;
                    }
                }
                // One of each waits at most: what is pending is bounded.
                () = self.done.changed.notified(), if !is_pending => {
                    let tag = self.done.tag.load(Ordering::Relaxed);
                    if tag > self.acknowledged {
                        self.acknowledged = tag;
                        self.commands.writer().acknowledge(tag);
                    }
                }
                _ = ticks.tick(), if !is_pending => self.commands.writer().heartbeat(),
            }
        }
    }
}

/// Closes the connection.
pub(super) async fn close(
    deliveries: Deliveries,
    acknowledger: Acknowledger,
) -> Result<(), Problem> {
    let connection = Connection {
        frames: deliveries.frames,
        commands: acknowledger.commands,
    };
    connection.close().await
}
