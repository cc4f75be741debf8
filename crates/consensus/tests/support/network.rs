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
}

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
        if !self.passes(from, to) {
            return None;
        }
        let node = self.lock().nodes.get(to)?.upgrade()?;
        let answer = node.handle(from, request.clone()).await;
        drop(node);
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
