use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use raftwire_protocol::{Lane, NodeId};

use super::ConformanceHarness;
use super::test_node::TestNode;
use crate::{Channel, SendError, TransportEvent};

/// How long nothing must have happened before what did not arrive is sent again.
const QUIET: Duration = Duration::from_millis(50);

/// A few nodes that all know each other, each with its events; the first one is `a`.
pub(super) struct Nodes<'a> {
    harness: &'a dyn ConformanceHarness,
    ids: Vec<NodeId>,
    nodes: Vec<TestNode>,
    hellos: u64,
    /// Whether each is configured with the others.
    are_acquainted: bool,
}

/// Positions in [`Nodes`].
pub(super) const A: usize = 0;
pub(super) const B: usize = 1;
pub(super) const C: usize = 2;

impl<'a> Nodes<'a> {
    /// Nodes that are not started yet.
    pub(super) fn new(harness: &'a dyn ConformanceHarness, count: usize) -> Self {
        let ids = ["a", "b", "c"].into_iter().take(count);
        let ids = ids.filter_map(|id| id.parse().ok()).collect();
        Self {
            harness,
            ids,
            nodes: Vec::new(),
            hellos: 0,
            are_acquainted: true,
        }
    }

    /// Nodes that are not started yet and know nobody.
    pub(super) fn unacquainted(harness: &'a dyn ConformanceHarness, count: usize) -> Self {
        Self {
            are_acquainted: false,
            ..Self::new(harness, count)
        }
    }

    /// Nodes that are started and have adopted each other's channels on both lanes.
    pub(super) async fn connected(harness: &'a dyn ConformanceHarness, count: usize) -> Self {
        let mut nodes = Self::new(harness, count);
        for _ in 0..count {
            nodes.start_next().await;
        }
        for a in 0..count {
            for b in a + 1..count {
                nodes.adopt_each_other(a, b).await;
            }
        }
        nodes
    }

    pub(super) fn id(&self, node: usize) -> NodeId {
        self.ids[node].clone()
    }

    pub(super) async fn make(&self, node: usize) -> std::sync::Arc<dyn crate::ClusterTransport> {
        let mut peers = self.ids.clone();
        let id = peers.remove(node);
        if !self.are_acquainted {
            peers.clear();
        }
        self.harness.transport(&id, &peers).await
    }

    pub(super) async fn start_next(&mut self) {
        let node = self.nodes.len();
        let transport = self.make(node).await;
        self.nodes
            .push(TestNode::start(&self.ids[node], transport).await);
    }

    /// Starts a node again that was stopped.
    pub(super) async fn restart(&mut self, node: usize) {
        let transport = self.make(node).await;
        let expected = std::mem::take(&mut self.nodes[node].expected);
        self.nodes[node] = TestNode::start(&self.ids[node], transport).await;
        self.nodes[node].expected = expected;
    }

    pub(super) async fn stop(&self, node: usize) {
        let transport = &self.nodes[node].transport;
        let stopped = tokio::time::timeout(self.harness.patience(), transport.stop());
        assert!(
            stopped.await.is_ok(),
            "{} does not stop within {:?}",
            self.ids[node],
            self.harness.patience()
        );
    }

    pub(super) async fn stop_all(&self) {
        for node in 0..self.nodes.len() {
            self.stop(node).await;
        }
    }

    /// Waits for one event of any node that reads, and records it. Returns false when it stayed
    /// quiet for a while.
    pub(super) async fn pump(&mut self) -> bool {
        let event = poll_fn(|context| {
            for (index, node) in self.nodes.iter_mut().enumerate() {
                if node.reads
                    && !node.ended
                    && let Poll::Ready(event) = node.events.poll_recv(context)
                {
                    return Poll::Ready((index, event));
                }
            }
            Poll::Pending
        });
        match tokio::time::timeout(QUIET, event).await {
            Ok((index, event)) => {
                self.nodes[index].record(event);
                true
            }
            Err(_) => false,
        }
    }

    /// Reads one event of one node, if there is one at once.
    pub(super) async fn pump_one(&mut self, node: usize) -> Option<TransportEvent> {
        let node = &mut self.nodes[node];
        let event = poll_fn(|context| match node.events.poll_recv(context) {
            Poll::Ready(event) => Poll::Ready(event),
            Poll::Pending => Poll::Ready(None),
        });
        let event = event.await?;
        node.record(Some(event.clone()));
        Some(event)
    }

    /// Reads events until something is true.
    pub(super) async fn until(&mut self, what: &str, mut done: impl FnMut(&[TestNode]) -> bool) {
        let patience = self.harness.patience();
        let wait = async {
            while !done(&self.nodes) {
                self.pump().await;
            }
        };
        let waited = tokio::time::timeout(patience, wait).await;
        assert!(waited.is_ok(), "waited {patience:?} in vain until {what}");
    }

    /// Broadcasts from `a`, again and again, until the packet has arrived at all others.
    pub(super) async fn broadcast(&mut self, lane: Lane, packet: &Bytes) {
        for node in &mut self.nodes[1..] {
            node.expected.insert(packet.clone());
        }
        let patience = self.harness.patience();
        let arrive = async {
            while !self.nodes[1..].iter().all(|node| node.has(packet)) {
                match self.nodes[A].transport.broadcast(lane, packet.clone()) {
                    Ok(count) => assert!(count > 0, "a broadcast to nobody is no success"),
                    Err(error) => panic!("the broadcast on the {lane} lane failed: {error}"),
                }
                while self.pump().await {}
            }
        };
        let arrived = tokio::time::timeout(patience, arrive).await;
        assert!(
            arrived.is_ok(),
            "the broadcast on the {lane} lane has not reached everybody after {patience:?}"
        );
    }

    /// Does what the hello does: the node with the smaller id picks a channel, and the other one
    /// follows.
    pub(super) async fn adopt_each_other(&mut self, a: usize, b: usize) {
        for lane in Lane::ALL {
            let patience = self.harness.patience();
            let agreed = tokio::time::timeout(patience, self.agree(a, b, lane)).await;
            let (a, b) = (&self.ids[a], &self.ids[b]);
            assert!(
                agreed.is_ok(),
                "{a} and {b} have no channel on the {lane} lane after {patience:?}"
            );
        }
    }

    async fn agree(&mut self, a: usize, b: usize, lane: Lane) {
        let (id_a, id_b) = (self.id(a), self.id(b));
        self.hellos += 1;
        let question = Bytes::from(format!("hello {} of {id_a}", self.hellos));
        let answer = Bytes::from(format!("hello {} of {id_b}", self.hellos));
        self.nodes[b].expected.insert(question.clone());
        self.nodes[a].expected.insert(answer.clone());
        loop {
            let picked = self.nodes[a].channels(&id_b, lane).into_iter().next();
            if let Some(channel) = picked {
                let node = &mut self.nodes[a];
                node.transport.adopt(&channel);
                node.adopted.insert((id_b.clone(), lane), channel.clone());
                // A failure shows as silence.
                let _ = node.transport.send(&channel, question.clone());
            }
            while self.pump().await {
                let node = &mut self.nodes[b];
                let heard = node.received.iter().rev();
                let heard = heard.filter(|(_, packet)| *packet == question);
                let newest: Option<Channel> = heard.map(|(channel, _)| channel.clone()).next();
                if let Some(channel) = newest {
                    node.received.retain(|(_, packet)| *packet != question);
                    node.transport.adopt(&channel);
                    node.adopted.insert((id_a.clone(), lane), channel.clone());
                    let _ = node.transport.send(&channel, answer.clone());
                }
                if self.nodes[a].has(&answer)
                    && self.nodes[a].adopted.contains_key(&(id_b.clone(), lane))
                    && self.nodes[b].adopted.contains_key(&(id_a.clone(), lane))
                {
                    return;
                }
            }
        }
    }

    /// The channel from one node to another that was adopted.
    pub(super) fn channel(&self, from: usize, to: usize, lane: Lane) -> Channel {
        let key = (self.id(to), lane);
        let channel = self.nodes[from].adopted.get(&key).cloned();
        let Some(channel) = channel else {
            panic!("{} lost its {lane} channel to {}", self.ids[from], key.0);
        };
        channel
    }

    pub(super) fn send(
        &mut self,
        from: usize,
        to: usize,
        lane: Lane,
        packet: &Bytes,
    ) -> Result<(), SendError> {
        let channel = self.channel(from, to, lane);
        self.nodes[to].expected.insert(packet.clone());
        self.nodes[from].transport.send(&channel, packet.clone())
    }

    /// Sends packets, again and again, until all have arrived.
    pub(super) async fn deliver(&mut self, from: usize, to: usize, lane: Lane, packets: &[Bytes]) {
        let patience = self.harness.patience();
        let deliver = async {
            loop {
                let node = &self.nodes[to];
                let missing = packets.iter().filter(|packet| !node.has(packet));
                let missing: Vec<Bytes> = missing.cloned().collect();
                if missing.is_empty() {
                    return;
                }
                for packet in &missing {
                    while self.send(from, to, lane, packet) == Err(SendError::Full) {
                        self.pump().await;
                    }
                }
                while self.pump().await {
                    if packets.iter().all(|packet| self.nodes[to].has(packet)) {
                        return;
                    }
                }
            }
        };
        let delivered = tokio::time::timeout(patience, deliver).await;
        assert!(
            delivered.is_ok(),
            "not all packets from {} to {} on the {lane} lane arrived within {patience:?}",
            self.ids[from],
            self.ids[to]
        );
    }

    /// Delivers a packet on each lane in each direction.
    pub(super) async fn greet(&mut self, a: usize, b: usize) {
        self.hellos += 1;
        for lane in Lane::ALL {
            for (from, to) in [(a, b), (b, a)] {
                let text = format!("greeting {} from {}", self.hellos, self.ids[from]);
                self.deliver(from, to, lane, &[text.into()]).await;
            }
        }
    }
}

impl std::ops::Index<usize> for Nodes<'_> {
    type Output = TestNode;

    fn index(&self, node: usize) -> &TestNode {
        &self.nodes[node]
    }
}

impl std::ops::IndexMut<usize> for Nodes<'_> {
    fn index_mut(&mut self, node: usize) -> &mut TestNode {
        &mut self.nodes[node]
    }
}

/// A packet that differs from every other one of a check: its number first, then bytes of all
/// values.
pub(super) fn packet(number: u32, bytes: usize) -> Bytes {
    let mut packet = BytesMut::with_capacity(bytes);
    let head = number.to_be_bytes();
    packet.extend_from_slice(&head[..bytes.min(head.len())]);
    let body = (packet.len()..bytes).map(|position| (position as u32 ^ number) as u8);
    packet.extend(body);
    packet.freeze()
}
