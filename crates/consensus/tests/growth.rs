//! What a join and a death cost the leader, by the number of nodes.

mod support;

use std::time::Duration;

use raftwire_protocol::NodeId;
use support::{TestCluster, state};
use tokio::time::sleep;

const VOTERS: [&str; 3] = ["a", "b", "c"];

/// How long is counted at a time.
const WINDOW: Duration = Duration::from_secs(20);

/// How many edges are restarted within one.
const CHURN: u64 = 20;

/// Messages and bytes, to and from the leader.
#[derive(Clone, Copy, Debug)]
struct Cost {
    messages: f64,
    bytes: f64,
}

/// What the leader has in one second when nothing happens, and what one restart of an edge (its
/// former session's death and the new one's join) adds to that.
async fn costs(edges: usize) -> (Cost, Cost) {
    let mut cluster = TestCluster::ready(77, &VOTERS).await;
    let names: Vec<String> = (0..edges).map(|number| format!("e{number:02}")).collect();
    for edge in &names {
        cluster.start_edge(edge, &VOTERS).await;
    }
    cluster.settled().await;
    let leader = cluster.leader().await;

    let calm = counted(&cluster, &leader, async || sleep(WINDOW).await).await;
    cluster.network.take_traffic();
    for round in 0..CHURN {
        let edge = &names[(round as usize * 7) % names.len()];
        cluster.crash(edge).await;
        cluster.start_edge(edge, &VOTERS).await;
        sleep(WINDOW / CHURN as u32 - Duration::from_millis(1)).await;
    }
    let (messages, bytes) = cluster.network.take_traffic().of(&leader);
    cluster.settled().await;
    assert_eq!(cluster.leader().await, leader, "it led all the time");
    let members = |node: &str| state(&cluster.node(node)).members.clone();
    assert!(names.iter().all(|edge| members(edge) == members("a")));

    let per_restart = |churn: u64, calm: f64| (churn as f64 - calm) / CHURN as f64;
    let one = Cost {
        messages: per_restart(messages, calm.messages),
        bytes: per_restart(bytes, calm.bytes),
    };
    let second = WINDOW.as_secs_f64();
    let idle = Cost {
        messages: calm.messages / second,
        bytes: calm.bytes / second,
    };
    (idle, one)
}

async fn counted(cluster: &TestCluster, leader: &NodeId, work: impl AsyncFnOnce()) -> Cost {
    cluster.network.take_traffic();
    work().await;
    let (messages, bytes) = cluster.network.take_traffic().of(leader);
    Cost {
        messages: messages as f64,
        bytes: bytes as f64,
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_costs_the_leader_no_more_than_a_message_for_each_edge_that_it_feeds() {
    for edges in [8, 24] {
        let (idle, one) = costs(edges).await;
        println!("{edges} edges: a second of calm {idle:.0?}, a restart of an edge {one:.0?}");
        let nodes = (edges + 3) as f64;
        // A renewal a second and node, a question a second and edge that it feeds, heartbeats.
        assert!(idle.messages <= nodes.mul_add(3.0, 100.0), "{idle:?}");
        // An answer and the next question for each edge that it feeds, and what the node itself asks.
        assert!(one.messages <= nodes + 100.0, "{one:?}");
        assert!(one.bytes <= nodes.mul_add(100.0, 5_000.0), "{one:?}");
    }
}
