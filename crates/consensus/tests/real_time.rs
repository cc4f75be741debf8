//! The same on the real clock, the real disk and threads of their own.

mod support;

use std::sync::Arc;
use std::time::Duration;

use raftwire_consensus::{RaftNode, RaftOptions, Storage};
use raftwire_environment::Environment;
use raftwire_protocol::Session;
use support::{TestNetwork, name, names, state, status};

const LIST: [&str; 3] = ["a", "b", "c"];

async fn start(
    network: &Arc<TestNetwork>,
    folder: &std::path::Path,
    own: &str,
) -> (Environment, Arc<RaftNode>) {
    let environment = Environment::real();
    let options = RaftOptions {
        founding: names(&LIST),
        ..RaftOptions::new(
            "real",
            name(own),
            Session::new(u128::from(environment.random_u64())),
            Storage::Durable(folder.join(own)),
        )
    };
    let node = RaftNode::open(options, environment.clone())
        .await
        .expect("the folder is free");
    let node = Arc::new(node);
    network.register(&name(own), &node);
    node.start(network.endpoint(&name(own)))
        .await
        .expect("consensus starts");
    (environment, node)
}

async fn all_members(nodes: &[(Environment, Arc<RaftNode>)]) {
    let settled = || {
        nodes.iter().all(|(environment, node)| {
            node.lease().holds(environment.boot_time())
                && state(node)
                    .members
                    .values()
                    .filter(|row| row.is_alive())
                    .count()
                    == nodes.len()
        })
    };
    for _ in 0..1_000 {
        if settled() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let states: Vec<_> = nodes.iter().map(|(_, node)| status(node)).collect();
    panic!("not all are members after 10 s: {states:?}");
}

#[tokio::test]
async fn three_nodes_found_stop_and_start_again_from_their_folders() {
    let folder = tempfile::tempdir().expect("a folder");
    let network = TestNetwork::new();
    let mut nodes = Vec::new();
    for own in LIST {
        nodes.push(start(&network, folder.path(), own).await);
    }
    all_members(&nodes).await;
    let id = state(&nodes[0].1).cluster_id;

    for (_, node) in nodes.drain(..) {
        node.stop().await;
        drop(node);
    }
    for own in LIST {
        nodes.push(start(&network, folder.path(), own).await);
    }
    all_members(&nodes).await;

    assert_eq!(state(&nodes[2].1).cluster_id, id);
    // What is dropped without a farewell frees its folder as well, as soon as its threads end.
    drop(nodes);
    for _ in 0..500 {
        let environment = Environment::real();
        let options = RaftOptions {
            founding: names(&LIST),
            ..RaftOptions::new(
                "real",
                name("a"),
                Session::new(u128::from(environment.random_u64())),
                Storage::Durable(folder.path().join("a")),
            )
        };
        if RaftNode::open(options, environment).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the folder stays locked");
}
