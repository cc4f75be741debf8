//! Processes that do not belong are refused, and both logs say why.

mod support;

use raftwire_link::session::RefusalCode;
use raftwire_protocol::{PACKET_HEADER_BYTES, PacketHeader, PacketKind};
use support::{Cluster, Intruder, Settings, eventually};

/// Starts three nodes of which the last is told something else than the others.
async fn misfit(right: &Settings, wrong: &Settings) -> Cluster {
    let mut cluster = Cluster::prepare_each(&[right, right, wrong]).await;
    for node in 0..3 {
        cluster.node_mut(node).start();
    }
    cluster
}

async fn logged(cluster: &Cluster, node: usize, what: &str) {
    eventually(
        &format!("\"{what}\" in the log of node {}", node + 1),
        async || cluster.node(node).log().contains(what).then_some(()),
    )
    .await;
}

fn secret(text: &str) -> Settings {
    Settings::default().with_variable("RAFTWIRE_SECRET", text)
}

#[tokio::test]
async fn a_stranger_is_refused_and_both_logs_say_why() {
    let right = secret("what all nodes know");
    let cluster = misfit(&right, &secret("what a stranger guesses")).await;

    for node in [0, 1, 2] {
        logged(&cluster, node, "`secret`").await;
    }
    // It is one of the three voters of the list: without it the others do not found.
    for node in 0..3 {
        let report = cluster.node(node).report().await.expect("it answers");
        assert!(!report.ready && report.leader.is_none(), "{report:?}");
    }
}

#[tokio::test]
async fn a_node_without_the_secret_is_told_that_it_lacks_one() {
    let cluster = misfit(&secret("what all nodes know"), &Settings::default()).await;

    for node in [0, 2] {
        logged(&cluster, node, "`secret`").await;
    }
}

#[tokio::test]
async fn a_node_of_another_cluster_is_refused_by_name() {
    let named = |name| Settings::default().with_flag("cluster-name", name);
    let cluster = misfit(&named("here"), &named("elsewhere")).await;

    logged(&cluster, 0, "elsewhere").await;
    logged(&cluster, 2, "here").await;
}

#[tokio::test]
async fn a_second_node_of_the_same_name_is_refused_while_the_first_lives() {
    let cluster = Cluster::start(3).await;
    cluster.leader_among(&[0, 1, 2]).await;

    let imposter = cluster.impersonate(2).await;
    imposter_is_refused(&cluster, &imposter).await;

    let (_, report) = cluster.leader_among(&[0, 1, 2]).await;
    assert!(report.nodes.iter().all(|node| node.alive), "{report:?}");
    drop(imposter);
}

async fn imposter_is_refused(cluster: &Cluster, imposter: &support::NodeProcess) {
    eventually("the refusal in both logs", async || {
        let theirs = imposter.log().contains("is taken");
        let ours = (0..2).any(|node| cluster.node(node).log().contains("is taken"));
        (theirs && ours).then_some(())
    })
    .await;
    let report = imposter.report().await.expect("it answers");
    assert!(!report.ready, "{report:?}");
}

const SECRET: &str = "what all nodes know";

/// One node that encrypts, and so protects its packets on loopback as well.
async fn guarded() -> Cluster {
    let settings = secret(SECRET).with_flag("encrypt", "true");
    Cluster::start_with(1, &settings).await
}

#[tokio::test]
async fn a_socket_that_does_not_know_the_secret_is_refused() {
    let cluster = guarded().await;
    let port = cluster.node(0).port;
    let mut intruder = Intruder::connect(port, "node9", "raftwire", "what he guesses it is").await;

    let refused = intruder.say_hello().await.expect_err("refused");

    assert_eq!(refused.code(), RefusalCode::Secret, "{refused}");
    logged(&cluster, 0, "`secret`").await;
}

#[tokio::test]
async fn a_socket_of_another_cluster_is_refused_by_name() {
    let cluster = guarded().await;
    let port = cluster.node(0).port;
    let mut intruder = Intruder::connect(port, "node9", "elsewhere", SECRET).await;

    let refused = intruder.say_hello().await.expect_err("refused");

    assert_eq!(refused.code(), RefusalCode::ClusterName, "{refused}");
    logged(&cluster, 0, "elsewhere").await;
}

#[tokio::test]
async fn a_recorded_hello_opens_no_channel() {
    let cluster = guarded().await;
    let port = cluster.node(0).port;
    let mut node = Intruder::connect(port, "node9", "raftwire", SECRET).await;
    let mut keys = node.say_hello().await.expect("it belongs to the cluster");
    let question = node.question(1);
    node.send(keys.sealer.seal(question.clone())).await;
    assert_eq!(node.answered(&mut keys).await, 1);
    let recorded = std::mem::take(&mut node.sent);
    drop(node);

    let mut intruder = Intruder::connect(port, "node9", "raftwire", "whatever he has heard").await;
    for packet in recorded {
        intruder.send(packet).await;
    }
    intruder.send(question).await;

    let heard = intruder.hear_to_the_end().await;
    let is_answer =
        |header: &PacketHeader| matches!(header.kind, PacketKind::Response | PacketKind::Protected);
    assert!(heard.iter().all(|header| !is_answer(header)), "{heard:?}");
    let refused = heard
        .iter()
        .any(|header| header.kind == PacketKind::Refusal);
    assert!(refused, "{heard:?}");
}

#[tokio::test]
async fn a_forged_a_repeated_and_a_bare_packet_are_not_obeyed() {
    let cluster = guarded().await;
    let port = cluster.node(0).port;
    let mut node = Intruder::connect(port, "node9", "raftwire", SECRET).await;
    let mut keys = node.say_hello().await.expect("it belongs to the cluster");
    let genuine = keys.sealer.seal(node.question(1));
    node.send(genuine.clone()).await;
    assert_eq!(node.answered(&mut keys).await, 1);

    let mut forged = keys.sealer.seal(node.question(2)).to_vec();
    let in_the_body = PACKET_HEADER_BYTES + 1;
    forged[in_the_body] ^= 1;
    let mut cut = keys.sealer.seal(node.question(3)).to_vec();
    cut.pop();
    for packet in [forged.into(), cut.into(), genuine, node.question(4)] {
        node.send(packet).await;
    }
    let last = keys.sealer.seal(node.question(5));
    node.send(last).await;

    // Packets of one channel are taken in order: what was not answered by now never is.
    assert_eq!(node.answered(&mut keys).await, 5);
}
