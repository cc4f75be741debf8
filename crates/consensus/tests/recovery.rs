//! Restarts, lost disks, and nodes that were away for long.

mod support;

use std::path::Path;
use std::time::Duration;

use raftwire_consensus::OpenError;
use raftwire_consensus::testing::{Command, Outcome, compact, propose};
use raftwire_environment::Disk as _;
use raftwire_protocol::Incarnation;
use support::{TestCluster, name, names, state, status};
use tokio::time::sleep;

/// Where every machine has its data folder.
const DATA: &str = "/data";

/// Writes entries that change nothing.
async fn write_entries(cluster: &TestCluster, node: &str, count: usize) {
    let leave = Command::Leave {
        node: name(node),
        incarnation: Incarnation::new(0),
    };
    for _ in 0..count {
        let outcome = propose(&cluster.node(node), &leave, Duration::from_secs(2)).await;
        assert_eq!(outcome, Some(Outcome::Unchanged));
    }
}

/// Waits until all running nodes have applied the same index, and asserts that their states agree.
async fn assert_same_state(cluster: &TestCluster) {
    cluster
        .until("the same index everywhere", Duration::from_secs(10), || {
            let mut indexes: Vec<u64> = cluster
                .running()
                .map(|(_, node)| state(node).applied_index)
                .collect();
            indexes.dedup();
            indexes.len() == 1
        })
        .await;
    let mut hashes: Vec<[u8; 32]> = cluster
        .running()
        .map(|(_, node)| state(node).hash())
        .collect();
    hashes.dedup();
    assert_eq!(hashes.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_restarts_keeps_its_term_its_vote_and_the_members() {
    let list = ["a", "b", "c"];
    let mut cluster = TestCluster::ready(1, &list).await;
    cluster.crash("a").await;
    cluster.leader().await;
    let before = cluster.node("b").inspect().await.expect("it runs");

    cluster.crash("b").await;
    cluster.crash("c").await;
    let b = cluster.start("b", &list).await;
    let after = b.inspect().await.expect("it runs");

    assert!(before.term > 1, "there was an election");
    assert_eq!(
        (after.raft_id, after.term, after.vote),
        (before.raft_id, before.term, before.vote)
    );
    let kept = before.committed_index.expect("something was committed");
    let of = |inspection: &raftwire_consensus::Inspection| {
        let committed = inspection
            .entries
            .iter()
            .filter(|(index, ..)| *index <= kept);
        committed.copied().collect::<Vec<_>>()
    };
    assert_eq!(of(&after), of(&before));
    assert_eq!(state(&b).members.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_whole_cluster_that_restarts_is_the_same_cluster() {
    let list = ["a", "b", "c"];
    let mut cluster = TestCluster::ready(2, &list).await;
    let id = state(&cluster.node("a")).cluster_id;

    for node in list {
        cluster.crash(node).await;
    }
    for node in list {
        cluster.start(node, &list).await;
    }
    cluster.settled().await;

    assert_eq!(state(&cluster.node("b")).cluster_id, id);
    assert_same_state(&cluster).await;
}

#[tokio::test(start_paused = true)]
async fn one_node_alone_that_restarts_leads_again() {
    let mut cluster = TestCluster::ready(3, &["a"]).await;
    let id = state(&cluster.node("a")).cluster_id;

    cluster.crash("a").await;
    cluster.start("a", &["a"]).await;
    cluster.settled().await;

    assert_eq!(state(&cluster.node("a")).cluster_id, id);
    assert_eq!(cluster.leaders(), names(&["a"]));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_folder_is_refused_with_its_remedy_which_helps() {
    let list = ["a", "b", "c"];
    let mut cluster = TestCluster::ready(6, &list).await;
    cluster.crash("b").await;
    let disk = cluster.machines[&name("b")].disk.clone();
    let log = Path::new(DATA).join("log");
    let segment = log.join(&disk.list(&log).unwrap()[0]);
    disk.damage(&segment, 20).unwrap();

    let options = cluster.options("b", &list);
    let refused = cluster.start_with(options).await.unwrap_err();

    let said = refused.to_string();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused:?}");
    for word in [DATA, &segment.display().to_string(), "aside", "node_id b"] {
        assert!(said.contains(word), "{said}");
    }

    cluster.wipe("b");
    cluster.start("b", &list).await;
    cluster.settled().await;
    assert_eq!(status(&cluster.node("b")).voters, 3);
    assert_same_state(&cluster).await;
}

#[tokio::test(start_paused = true)]
async fn a_voter_whose_disk_was_lost_joins_and_votes_again_and_never_founds() {
    let list = ["a", "b", "c"];
    // Also the smallest name, which founds where nobody knows a cluster.
    for (seed, victim) in [(4, "a"), (5, "c")] {
        let mut cluster = TestCluster::ready(seed, &list).await;
        let id = state(&cluster.node("b")).cluster_id;

        cluster.crash(victim).await;
        cluster.wipe(victim);
        let node = cluster.start(victim, &list).await;
        cluster.settled().await;

        assert_eq!(state(&node).cluster_id, id);
        let raft_id = node.raft_id();
        for _ in 0..100 {
            if status(&node).voters == 3
                && node
                    .inspect()
                    .await
                    .expect("it runs")
                    .voters
                    .contains(&(raft_id, Some(name(victim))))
            {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        let voters = node.inspect().await.expect("it runs").voters;
        assert_eq!(voters.len(), 3);
        assert!(
            voters.contains(&(raft_id, Some(name(victim)))),
            "{voters:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_away_for_long_gets_a_snapshot() {
    let list = ["a", "b", "c"];
    let cluster = TestCluster::ready(6, &list).await;
    cluster.network.cut(&names(&["c"]), &names(&["a", "b"]));
    write_entries(&cluster, "a", 200).await;
    compact(&cluster.node("a"))
        .await
        .expect("a snapshot is written");
    compact(&cluster.node("b"))
        .await
        .expect("a snapshot is written");
    write_entries(&cluster, "a", 20).await;

    cluster.network.heal();
    cluster.settled().await;

    assert_same_state(&cluster).await;
    let c = cluster.node("c").inspect().await.expect("it runs");
    assert!(
        c.entries.first().is_some_and(|(index, ..)| *index > 100),
        "{:?}",
        c.entries.first()
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_joins_late_gets_a_snapshot() {
    let list = ["a", "b", "c"];
    let mut cluster = TestCluster::ready(7, &list).await;
    write_entries(&cluster, "a", 200).await;
    for node in list {
        compact(&cluster.node(node))
            .await
            .expect("a snapshot is written");
    }

    cluster.start("d", &["a", "b", "c", "d"]).await;
    cluster.settled().await;

    assert_same_state(&cluster).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_restarts_from_its_snapshot_and_the_entries_after_it() {
    let list = ["a", "b", "c"];
    let mut cluster = TestCluster::ready(8, &list).await;
    write_entries(&cluster, "a", 100).await;
    compact(&cluster.node("c"))
        .await
        .expect("a snapshot is written");
    write_entries(&cluster, "a", 10).await;
    let applied = state(&cluster.node("c")).applied_index;

    cluster.crash("c").await;
    let c = cluster.start("c", &list).await;

    assert!(
        state(&c).applied_index + 20 >= applied,
        "{} of {applied}",
        state(&c).applied_index
    );
    assert_eq!(state(&c).members.len(), 3);
    cluster.settled().await;
    assert_same_state(&cluster).await;
}

#[tokio::test(start_paused = true)]
async fn a_command_of_a_later_version_stops_the_node_and_is_not_skipped() {
    let cluster = TestCluster::ready(9, &["a"]).await;
    let a = cluster.node("a");

    let unknown = Command::Unknown(vec![0x7a, 0x01, 0x00].into());
    let outcome = propose(&a, &unknown, Duration::from_secs(1)).await;

    assert_eq!(outcome, None);
    cluster
        .until("stop", Duration::from_secs(5), || {
            status(&a).role == raftwire_consensus::Role::Stopped
        })
        .await;
    let problem = status(&a).problem.expect("it says why");
    assert!(problem.contains("must be upgraded"), "{problem}");
    assert!(!a.is_leader());
}
