//! Nodes without a seat: the feed, promotion, and what an edge may do.

mod feed;
mod members;
mod seats;
#[path = "../support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_consensus::RaftNode;
use raftwire_protocol::NodeId;
use support::{TestCluster, name, state};

const VOTERS: [&str; 3] = ["a", "b", "c"];
const LEASE: Duration = Duration::from_secs(5);

/// Three voters and two edges, all members.
async fn three_voters_and_two_edges(seed: u64) -> TestCluster {
    let mut cluster = TestCluster::started(seed, &VOTERS).await;
    cluster.start_edge("d", &VOTERS).await;
    cluster.start_edge("e", &["a"]).await;
    cluster.settled().await;
    cluster
}

fn is_dead(node: &RaftNode, whom: &str) -> bool {
    state(node)
        .members
        .get(&name(whom))
        .is_some_and(|row| !row.is_alive())
}

/// Notices a published index that goes back.
#[derive(Default)]
struct Monotonic {
    last: RefCell<BTreeMap<NodeId, (u64, u64)>>,
}

impl Monotonic {
    fn check(&self, cluster: &TestCluster) {
        for (name, node) in cluster.running() {
            let process = cluster.machines[name].starts;
            let index = state(node).applied_index;
            let before = self
                .last
                .borrow_mut()
                .insert(name.clone(), (process, index));
            if let Some((same, before)) = before
                && same == process
            {
                assert!(index >= before, "{name} went from {before} back to {index}");
            }
        }
    }
}
