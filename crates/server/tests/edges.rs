//! Real processes: nodes without a seat, removal, and recovery.

mod support;

use support::{Cluster, Settings, run};

fn says_dead(report: &raftwire_server::ClusterReport, name: &str) -> bool {
    report
        .nodes
        .iter()
        .any(|node| node.node == name && !node.alive)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_nodes_of_which_two_are_edges_survive_the_loss_of_any_one() {
    let mut cluster = Cluster::start_with_edges(3, 2).await;
    for victim in 0..5 {
        let name = cluster.node(victim).name.clone();
        let survivors: Vec<usize> = (0..5).filter(|node| *node != victim).collect();
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        for node in &survivors {
            senders.push(cluster.node(*node).client().await);
            receivers.push(cluster.node(*node).client().await);
        }

        cluster.kill(victim).await;

        // From each survivor to each, at once; the two edges were never told of each other by hand.
        for sender in &mut senders {
            for receiver in &receivers {
                let learnt = sender.send_and_learn(&receiver.id, "hello").await;
                assert_eq!(learnt["outcome"], "delivered", "{learnt}");
            }
        }
        for node in &survivors {
            let what = format!("the death of {name} at node {node}");
            cluster
                .until(*node, &what, |report| says_dead(report, &name))
                .await;
        }
        cluster.restart(victim).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_is_removed_and_a_living_one_is_not() {
    let mut cluster = Cluster::start_with_edges(3, 1).await;
    let url = cluster.node(0).url();

    let alive = run(&["remove", "node4", "--url", &url], &[]).await;
    assert_eq!(alive.code, Some(1));
    assert!(alive.stderr.contains("node4 is alive"), "{alive:?}");

    cluster.node_mut(3).terminate().await;
    let removed = run(&["remove", "node4", "--url", &url], &[]).await;
    assert_eq!(removed.code, Some(0), "{removed:?}");
    let is_listed = |report: &raftwire_server::ClusterReport| {
        report.nodes.iter().any(|node| node.node == "node4")
    };
    cluster
        .until(1, "the removal", |report| !is_listed(report))
        .await;

    cluster.restart(3).await;
    cluster.until(1, "the return", is_listed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_recovered_from_one_node_after_a_warning() {
    let mut cluster = Cluster::start_with(3, &Settings::default()).await;
    let data = cluster.data_dir(0).display().to_string();
    let recover = ["recover", "--new-cluster", "--data-dir", &data];

    let running = run(&recover, &[]).await;
    assert_eq!(running.code, Some(1));
    assert!(
        running.stderr.contains("used by another process"),
        "{running:?}"
    );

    for node in 0..3 {
        cluster.kill(node).await;
    }
    let warned = run(&recover, &[]).await;
    assert_eq!(warned.code, Some(1), "{warned:?}");
    assert!(
        warned
            .stdout
            .contains("Lost is what the old cluster committed after"),
        "{warned:?}"
    );
    assert!(warned.stdout.contains("Nothing was changed"), "{warned:?}");

    let done = run(&[&recover[..], &["--yes"]].concat(), &[]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    cluster.restart(0).await;
    let (leader, report) = cluster.leader_among(&[0]).await;
    assert_eq!(leader, 0);
    assert!(says_dead(&report, "node2") && says_dead(&report, "node3"));

    // The old data is refused; an empty folder is not.
    cluster.node_mut(1).start();
    support::eventually("the refusal", async || {
        let log = cluster.node(1).log();
        log.contains("the log of another cluster").then_some(())
    })
    .await;
    cluster.kill(1).await;
    std::fs::remove_dir_all(cluster.data_dir(1)).unwrap();
    cluster.restart(1).await;
    let mut client = cluster.node(1).client().await;
    let other = cluster.node(0).client().await;
    let learnt = client.send_and_learn(&other.id, "hello").await;
    assert_eq!(learnt["outcome"], "delivered", "{learnt}");
}
