//! Processes that do not belong are refused, and both logs say why.

mod support;

use support::{Cluster, Settings, eventually};

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
