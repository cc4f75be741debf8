//! Names: who has one, the same everywhere, whatever fails meanwhile.

mod support;

use std::time::Duration;

use raftwire_consensus::{NamePolicy, NameRow, RaftNode};
use raftwire_protocol::{MintedId, Name};
use support::TestCluster;

const LIST: [&str; 3] = ["a", "b", "c"];

fn called(text: &str) -> Name {
    text.parse().expect("a valid name")
}

fn connection(number: u8) -> MintedId {
    MintedId::from_bytes([number; 16])
}

fn incarnation(node: &RaftNode) -> raftwire_protocol::Incarnation {
    let membership = *node.membership().borrow();
    membership.expect("a member").incarnation
}

fn row(node: &RaftNode, number: u8, epoch: u64) -> NameRow {
    NameRow {
        connection: connection(number),
        epoch,
        incarnation: incarnation(node),
    }
}

async fn settled(seed: u64) -> TestCluster {
    let cluster = TestCluster::started(seed, &LIST).await;
    cluster.settled().await;
    cluster
}

#[tokio::test(start_paused = true)]
async fn a_name_means_the_same_on_every_node() {
    let cluster = settled(1).await;
    let a = cluster.node("a");

    let epoch = a
        .register_name(called("alice"), connection(1), NamePolicy::IfFree)
        .await
        .expect("registered");

    for node in LIST {
        let found = cluster.node(node).lookup(&called("alice")).await;
        assert_eq!(found, Ok(Some(row(&a, 1, epoch))));
        assert_eq!(
            cluster.node(node).name(&called("alice")),
            Some(row(&a, 1, epoch))
        );
        assert_eq!(cluster.node(node).lookup(&called("bob")).await, Ok(None));
    }

    a.unregister_name(called("alice"), epoch).await;
    cluster
        .until("end of the name", Duration::from_secs(2), || {
            cluster
                .running()
                .all(|(_, node)| node.name(&called("alice")).is_none())
        })
        .await;
}
