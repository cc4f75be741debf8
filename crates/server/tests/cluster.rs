//! Three real processes: clients of different nodes reach each other.

mod support;

use raftwire_server::ClusterReport;
use support::{Cluster, eventually};

#[tokio::test]
async fn clients_of_different_nodes_reach_each_other() {
    let cluster = Cluster::start(3).await;
    let mut clients = Vec::new();
    for index in 0..cluster.len() {
        clients.push(cluster.node(index).client().await);
    }

    let mut received = vec![0; clients.len()];
    for from in 0..clients.len() {
        for to in (0..clients.len()).filter(|to| *to != from) {
            let target = clients[to].id.clone();
            let text = format!("from {from} to {to}");

            let result = clients[from].send_and_learn(&target, &text).await;
            let message = clients[to].json().await;

            received[to] += 1;
            assert_eq!(
                (&result["outcome"], &result["happened"]),
                (&"delivered".into(), &"yes".into())
            );
            assert_eq!(
                (&message["text"], &message["seq"]),
                (&text.into(), &received[to].into())
            );
        }
    }
}

#[tokio::test]
async fn every_node_tells_the_same_of_the_cluster() {
    let cluster = Cluster::start(3).await;
    let _client = cluster.node(2).client().await;
    let (leader, _) = cluster.leader_among(&[0, 1, 2]).await;

    for index in 0..cluster.len() {
        let report: ClusterReport = eventually("agreement on three living nodes", async || {
            let report: ClusterReport = cluster
                .node(index)
                .http()
                .get("/api/v1/cluster")
                .await
                .ok()?;
            let alive = report.nodes.iter().filter(|node| node.alive).count();
            (alive == 3 && report.leader.is_some()).then_some(report)
        })
        .await;

        assert_eq!(report.leader.as_deref(), Some(&*cluster.node(leader).name));
        assert_eq!(report.connections.cluster, 1, "{report:?}");
        assert_eq!(report.connections.local, u64::from(index == 2));
    }
}
