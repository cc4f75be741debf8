//! Elections and what a leader is.

mod support;

use std::time::Duration;

use raftwire_consensus::Role;
use support::{TestCluster, name, role, status};

#[tokio::test(start_paused = true)]
async fn one_node_alone_founds_and_leads_at_once() {
    let cluster = TestCluster::started(1, &["a"]).await;

    let took = cluster.until("leader", Duration::from_secs(1), || !cluster.leaders().is_empty()).await;
    cluster.settled().await;

    assert!(took <= Duration::from_millis(200), "{took:?}");
    assert_eq!(role(&cluster.node("a")), Role::Leader);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_node_follows_and_has_no_term() {
    let mut cluster = TestCluster::new(1);
    let node = cluster.start("b", &["a", "b", "c"]).await;

    tokio::time::sleep(Duration::from_secs(30)).await;

    assert_eq!(status(&node).term, 0);
    assert!(!node.is_leader());
    assert_eq!(role(&node), Role::Learner);
}

#[tokio::test(start_paused = true)]
async fn three_nodes_elect_one_leader_and_become_members() {
    let cluster = TestCluster::started(1, &["a", "b", "c"]).await;

    cluster.settled().await;

    assert_eq!(cluster.leaders().len(), 1);
    assert_eq!(cluster.leaders(), [name("a")]);
}
