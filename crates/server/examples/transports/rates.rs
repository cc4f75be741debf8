//! Messages from connections of one node to connections of another.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use raftwire::{ClusterRouter, ConnectionId, ConnectionInfo, RouteOutcome};
use raftwire_environment::Environment;
use tokio::task::JoinHandle;

use crate::nodes::Nodes;

pub(crate) const PAYLOAD_BYTES: usize = 128;

/// Connections that messages go to, in turn.
const TARGETS: usize = 64;
/// How long each rate is measured.
const LENGTH: Duration = Duration::from_secs(4);
/// What comes before, and does not count.
const WARM_UP: Duration = Duration::from_secs(1);
/// Acknowledged messages on their way at a time.
const IN_FLIGHT: usize = 1_600;
/// Messages of which the latency is taken.
const SAMPLES: usize = 2_000;
/// From one look to the next.
const LOOK: Duration = Duration::from_millis(5);
/// How long a sender waits whose queue is full: far shorter than it takes to empty it.
const FULL_PAUSE: Duration = Duration::from_millis(1);
/// Messages that are queued before others get their turn.
const BURST: usize = 64;

/// Connections of the last node, and how many messages they have received.
struct Targets {
    ids: Vec<ConnectionId>,
    received: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Targets {
    fn new(environment: &Environment, nodes: &Nodes) -> Result<Targets, Box<dyn Error>> {
        let manager = nodes.managers.last().ok_or("no nodes")?;
        let received: Arc<AtomicU64> = Arc::default();
        let (mut ids, mut tasks) = (Vec::new(), Vec::new());
        for _ in 0..TARGETS {
            let (id, mut outbox) = manager.accept("/ws", ConnectionInfo::default())?;
            ids.push(id);
            let received = Arc::clone(&received);
            tasks.push(environment.spawn("target", async move {
                let mut batch = Vec::new();
                while outbox.next_batch(&mut batch).await.is_ok() {
                    received.fetch_add(batch.len() as u64, Ordering::Relaxed);
                    batch.clear();
                }
            }));
        }
        Ok(Targets {
            ids,
            received,
            tasks,
        })
    }
}

impl Drop for Targets {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// What was found of messages that nobody waits for.
pub(crate) struct Forgotten {
    /// Received a second.
    pub(crate) rate: f64,
    /// How many went in a packet.
    pub(crate) per_packet: f64,
    /// Bytes of a packet.
    pub(crate) packet_bytes: usize,
}

enum Queue {
    HasRoom,
    Full,
}

fn burst<'a>(
    router: &ClusterRouter,
    targets: impl Iterator<Item = &'a ConnectionId>,
    payload: &Bytes,
) -> Result<Queue, String> {
    for id in targets {
        match router.send(id, payload.clone()) {
            Ok(()) => {}
            Err(RouteOutcome::Busy { .. }) => return Ok(Queue::Full),
            Err(outcome) => return Err(format!("not sent: {outcome}")),
        }
    }
    Ok(Queue::HasRoom)
}

/// As many as go, and nobody waits for their outcome.
pub(crate) async fn forget(
    environment: &Environment,
    nodes: &Nodes,
) -> Result<Forgotten, Box<dyn Error>> {
    let targets = Targets::new(environment, nodes)?;
    let router = nodes.managers[0].router();
    let payload = Bytes::from(vec![b'x'; PAYLOAD_BYTES]);
    let began = environment.now();
    let mut counted_from = None;
    let mut next = targets.ids.iter().cycle();
    loop {
        let elapsed = environment.now() - began;
        if elapsed >= WARM_UP + LENGTH {
            break;
        }
        if elapsed >= WARM_UP && counted_from.is_none() {
            let received = targets.received.load(Ordering::Relaxed);
            counted_from = Some((environment.now(), received, nodes.sent.now()));
        }
        match burst(router, next.by_ref().take(BURST), &payload)? {
            Queue::HasRoom => tokio::task::yield_now().await,
            // What is queued goes on first; asking again and again would only take its time.
            Queue::Full => tokio::time::sleep(FULL_PAUSE).await,
        }
    }
    let (at, received, (packets, bytes)) = counted_from.ok_or("nothing was counted")?;
    let seconds = (environment.now() - at).as_secs_f64();
    let messages = (targets.received.load(Ordering::Relaxed) - received) as f64;
    let (packets_now, bytes_now) = nodes.sent.now();
    let packets = (packets_now - packets).max(1) as f64;
    let forgotten = Forgotten {
        rate: messages / seconds,
        per_packet: messages / packets,
        packet_bytes: ((bytes_now - bytes) as f64 / packets) as usize,
    };
    let last = targets.ids.last().ok_or("no targets")?;
    // What follows on the link has all the rest before it.
    while router.route(last, payload.clone()).await != RouteOutcome::Delivered {
        tokio::time::sleep(LOOK).await;
    }
    Ok(forgotten)
}

/// So many on their way at a time, each acknowledged; how many a second.
pub(crate) async fn acknowledge(
    environment: &Environment,
    nodes: &Nodes,
) -> Result<f64, Box<dyn Error>> {
    let targets = Targets::new(environment, nodes)?;
    let router = nodes.managers[0].router();
    let payload = Bytes::from(vec![b'x'; PAYLOAD_BYTES]);
    let mut next = targets.ids.iter().cycle();
    let mut waiting = FuturesUnordered::new();
    let (mut delivered, mut counted_from) = (0_u64, None);
    let began = environment.now();
    loop {
        while waiting.len() < IN_FLIGHT
            && let Some(id) = next.next()
        {
            waiting.push(router.route(id, payload.clone()));
        }
        match waiting.next().await {
            Some(RouteOutcome::Delivered) => delivered += 1,
            other => return Err(format!("not delivered: {other:?}").into()),
        }
        let elapsed = environment.now() - began;
        if elapsed >= WARM_UP + LENGTH {
            break;
        }
        if elapsed >= WARM_UP && counted_from.is_none() {
            counted_from = Some((environment.now(), delivered));
        }
    }
    let (at, before) = counted_from.ok_or("nothing was counted")?;
    Ok((delivered - before) as f64 / (environment.now() - at).as_secs_f64())
}

/// One after the other: how long each took until it was acknowledged, sorted.
pub(crate) async fn one_by_one(
    environment: &Environment,
    nodes: &Nodes,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let targets = Targets::new(environment, nodes)?;
    let router = nodes.managers[0].router();
    let payload = Bytes::from(vec![b'x'; PAYLOAD_BYTES]);
    let mut latencies = Vec::with_capacity(SAMPLES);
    for id in targets.ids.iter().cycle().take(SAMPLES) {
        let sent = environment.now();
        let outcome = router.route(id, payload.clone()).await;
        if outcome != RouteOutcome::Delivered {
            return Err(format!("not delivered: {outcome}").into());
        }
        latencies.push(environment.now() - sent);
    }
    latencies.sort_unstable();
    Ok(latencies)
}
