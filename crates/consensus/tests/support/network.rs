//! Calls between the nodes of a test, with cuts and a delay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_consensus::{CALL_BYTES_MAX, CallError, ControlNetwork, RaftNode};
use raftwire_protocol::NodeId;
use tokio::time::{sleep, timeout};

/// How long an unanswered packet waits before it is sent again.
const RESEND: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct TestNetwork {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    nodes: BTreeMap<NodeId, Weak<RaftNode>>,
    /// Directions in which nothing passes.
    cut: BTreeSet<(NodeId, NodeId)>,
    delay: Duration,
    calls: u64,
    /// Nodes whose questions for the feed nobody answers.
    unfed: BTreeSet<NodeId>,
    traffic: Traffic,
}

/// What was said to and by the nodes, by node: one message is a request or an answer.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    pub messages: BTreeMap<NodeId, u64>,
    pub bytes: BTreeMap<NodeId, u64>,
}

impl Traffic {
    fn count(&mut self, from: &NodeId, to: &NodeId, bytes: usize) {
        for node in [from, to] {
            *self.messages.entry(node.clone()).or_default() += 1;
            *self.bytes.entry(node.clone()).or_default() += bytes as u64;
        }
    }

    pub fn of(&self, node: &NodeId) -> (u64, u64) {
        let count = |of: &BTreeMap<NodeId, u64>| of.get(node).copied().unwrap_or(0);
        (count(&self.messages), count(&self.bytes))
    }
}

/// Where the kind of a request stands, and what stands there for the feed: the key of the protobuf
/// field of its tag, behind the format byte.
const FEED_KIND: (usize, u8) = (1, 12 << 3 | 2);

#[derive(Debug)]
struct Endpoint {
    from: NodeId,
    network: Arc<TestNetwork>,
}

impl TestNetwork {
    pub fn new() -> Arc<TestNetwork> {
        let inner = Inner {
            delay: Duration::from_millis(1),
            ..Inner::default()
        };
        Arc::new(TestNetwork {
            inner: Mutex::new(inner),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics while it holds it")
    }

    pub fn endpoint(self: &Arc<Self>, from: &NodeId) -> Arc<dyn ControlNetwork> {
        Arc::new(Endpoint {
            from: from.clone(),
            network: Arc::clone(self),
        })
    }

    pub fn register(&self, name: &NodeId, node: &Arc<RaftNode>) {
        self.lock().nodes.insert(name.clone(), Arc::downgrade(node));
    }

    pub fn unregister(&self, name: &NodeId) {
        self.lock().nodes.remove(name);
    }

    pub fn set_delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// From now on nobody answers this node's questions for the feed, or everybody does again.
    pub fn set_unfed(&self, node: &NodeId, unfed: bool) {
        let mut inner = self.lock();
        if unfed {
            inner.unfed.insert(node.clone());
        } else {
            inner.unfed.remove(node);
        }
    }

    /// What has been said since this was last asked.
    pub fn take_traffic(&self) -> Traffic {
        std::mem::take(&mut self.lock().traffic)
    }

    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    pub fn cut_one_way(&self, from: &NodeId, to: &NodeId) {
        self.lock().cut.insert((from.clone(), to.clone()));
    }

    /// Nothing passes between the two sides any more.
    pub fn cut(&self, one: &[NodeId], other: &[NodeId]) {
        for a in one {
            for b in other {
                self.cut_one_way(a, b);
                self.cut_one_way(b, a);
            }
        }
    }

    pub fn heal(&self) {
        self.lock().cut.clear();
    }

    fn passes(&self, from: &NodeId, to: &NodeId) -> bool {
        !self.lock().cut.contains(&(from.clone(), to.clone()))
    }

    async fn round_trip(&self, from: &NodeId, to: &NodeId, request: &Bytes) -> Option<Bytes> {
        let delay = self.lock().delay;
        sleep(delay).await;
        let is_feed = request.get(FEED_KIND.0) == Some(&FEED_KIND.1);
        if !self.passes(from, to) || is_feed && self.lock().unfed.contains(from) {
            return None;
        }
        self.lock().traffic.count(from, to, request.len());
        let node = self.lock().nodes.get(to)?.upgrade()?;
        let answer = node.handle(from, request.clone()).await;
        drop(node);
        assert!(
            answer.len() <= CALL_BYTES_MAX,
            "an answer of {} bytes",
            answer.len()
        );
        self.lock().traffic.count(to, from, answer.len());
        sleep(delay).await;
        self.passes(to, from).then_some(answer)
    }
}

#[async_trait]
impl ControlNetwork for Endpoint {
    async fn call(
        &self,
        to: &NodeId,
        request: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, CallError> {
        assert!(
            request.len() <= CALL_BYTES_MAX,
            "a request of {} bytes",
            request.len()
        );
        {
            let mut inner = self.network.lock();
            inner.calls += 1;
            if !inner.nodes.contains_key(to) {
                return Err(CallError::Unreachable);
            }
        }
        let answer = async {
            loop {
                if let Some(answer) = self.network.round_trip(&self.from, to, &request).await {
                    return answer;
                }
                sleep(RESEND).await;
            }
        };
        timeout(deadline, answer)
            .await
            .map_err(|_| CallError::Deadline)
    }
}
