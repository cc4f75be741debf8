//! What operators do: remove a node, move one, upgrade a cluster, recover one.

mod support;

use std::path::Path;
use std::time::Duration;

use raftwire_consensus::{DataDirError, RecoverError, Recovery, RemoveError, Role, WireVersions};
use support::{TestCluster, name, names, role, state, status};
use tokio::time::sleep;

const VOTERS: [&str; 3] = ["a", "b", "c"];
const LEASE: Duration = Duration::from_secs(5);
const DATA: &str = "/data";

#[tokio::test(start_paused = true)]
async fn the_living_and_the_unknown_are_not_removed() {
    let mut cluster = TestCluster::started(1, &VOTERS).await;
    cluster.start_edge("d", &VOTERS).await;
    cluster.settled().await;

    for asked in ["a", "d"] {
        let asked = cluster.node(asked);
        let alive = asked.remove(&name("c")).await;
        assert!(
            matches!(&alive, Err(RemoveError::Alive { node, .. }) if *node == name("c")),
            "{alive:?}"
        );
        let unknown = asked.remove(&name("z")).await;
        assert_eq!(unknown, Err(RemoveError::Unknown { node: name("z") }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_removed_voter_loses_its_seat_and_comes_back_as_a_new_member() {
    let mut cluster = TestCluster::started(2, &VOTERS).await;
    cluster.start_edge("d", &VOTERS).await;
    cluster.settled().await;
    let before = (*cluster.node("c").membership().borrow()).expect("a member");

    cluster.node("c").stop().await;
    cluster.crash("c").await;
    // Asked of an edge, and asked again, as whoever has missed the answer does.
    cluster.node("d").remove(&name("c")).await.expect("dead");
    let again = cluster.node("a").remove(&name("c")).await;
    assert_eq!(again, Err(RemoveError::Unknown { node: name("c") }));
    let a = cluster.node("a");
    cluster
        .until("a smaller cluster", LEASE, || {
            status(&a).voters == 2
                && cluster
                    .running()
                    .all(|(_, node)| !state(node).members.contains_key(&name("c")))
        })
        .await;

    cluster.start("c", &VOTERS).await;
    cluster.settled().await;
    cluster
        .until("three voters", LEASE, || status(&a).voters == 3)
        .await;
    let after = (*cluster.node("c").membership().borrow()).expect("a member");
    assert_ne!(after.slot, before.slot);
    assert!(after.incarnation > before.incarnation);
}

#[tokio::test(start_paused = true)]
async fn without_a_leader_a_removal_says_that_it_does_not_know() {
    let cluster = TestCluster::ready(3, &VOTERS).await;
    cluster.network.cut(&names(&["a"]), &names(&["b", "c"]));
    sleep(LEASE).await;

    let removed = cluster.node("a").remove(&name("b")).await;

    assert_eq!(removed, Err(RemoveError::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn the_wire_version_is_raised_when_the_last_old_member_has_gone_and_it_is_refused_then() {
    let later = WireVersions { min: 1, max: 2 };
    let mut cluster = TestCluster::new(4);
    cluster.start("c", &VOTERS).await;
    for node in ["a", "b"] {
        let mut options = cluster.options(node, &VOTERS);
        options.versions = later;
        cluster.start_with(options).await.expect("starts");
    }
    cluster.settled().await;
    sleep(Duration::from_secs(3)).await;
    assert!(
        cluster
            .running()
            .all(|(_, node)| state(node).wire_version == 1)
    );

    cluster.node("c").stop().await;
    let a = cluster.node("a");
    cluster
        .until("the next version", LEASE, || state(&a).wire_version == 2)
        .await;
    cluster.crash("c").await;
    let c = cluster.start("c", &VOTERS).await;
    sleep(Duration::from_secs(3)).await;
    let problem = status(&c).problem.expect("a problem");
    assert!(problem.contains("wire version 2"), "{problem}");
    assert!(c.membership().borrow().is_none() && !cluster.holds_lease("c"));

    // A later build of it is welcome.
    drop(c);
    cluster.crash("c").await;
    let mut options = cluster.options("c", &VOTERS);
    options.versions = later;
    cluster.start_with(options).await.expect("starts");
    cluster.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_back_at_another_address_is_known_there() {
    let mut cluster = TestCluster::started(5, &VOTERS).await;
    cluster.start_edge("d", &VOTERS).await;
    for at in ["10.0.0.1:5000", "10.0.0.2:5001"] {
        cluster.crash("c").await;
        let mut options = cluster.options("c", &VOTERS);
        options.address = Some(at.to_owned());
        cluster.start_with(options).await.expect("starts");
        cluster.settled().await;
        cluster
            .until("the address", LEASE, || {
                cluster.running().all(|(_, node)| {
                    let state = state(node);
                    state.members[&name("c")].address.as_deref() == Some(at)
                })
            })
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_stops_hands_over_before_it_goes() {
    let mut cluster = TestCluster::ready(6, &VOTERS).await;
    for _ in 0..3 {
        let leader = cluster.leader().await;
        let stopping = cluster.node(leader.as_str());

        stopping.stop().await;

        // There is no time without a leader: another has been elected by now, without an election
        // timeout.
        let successor = cluster.leaders();
        assert!(
            !successor.is_empty() && successor != [leader.clone()],
            "{successor:?}"
        );
        drop(stopping);
        cluster.crash(leader.as_str()).await;
        cluster.start(leader.as_str(), &VOTERS).await;
        cluster.settled().await;
    }
}

/// Kills everybody, and makes a new cluster of one node's folder.
async fn recovered(cluster: &mut TestCluster, survivor: &str) -> u128 {
    let all: Vec<String> = cluster.machines.keys().map(ToString::to_string).collect();
    for node in &all {
        cluster.crash(node).await;
    }
    let environment = cluster.fresh_environment(survivor);
    let recovery = Recovery::open(environment, Path::new(DATA))
        .await
        .expect("a log");
    recovery.found_new_cluster().await.expect("writes")
}

#[tokio::test(start_paused = true)]
async fn one_node_goes_on_as_a_new_cluster_and_grows_again() {
    let mut cluster = TestCluster::ready(7, &VOTERS).await;
    let old = cluster.node("a");
    let before = state(&old);
    let old_id = old.raft_id();
    drop(old);

    let cluster_id = recovered(&mut cluster, "a").await;
    assert_ne!(Some(cluster_id), before.cluster_id);
    let a = cluster.start("a", &VOTERS).await;
    cluster.settled().await;

    assert!(a.is_leader());
    assert_ne!(a.raft_id(), old_id);
    assert_eq!(status(&a).voters, 1);
    let after = state(&a);
    assert_eq!(after.cluster_id, Some(cluster_id));
    assert!(after.last_incarnation > before.last_incarnation);
    assert!(after.applied_index > before.applied_index);
    let row = &after.members[&name("a")];
    assert_eq!(row.slot, before.members[&name("a")].slot);
    assert!(row.boot > before.members[&name("a")].boot);
    assert!(
        ["b", "c"]
            .iter()
            .all(|node| after.alive(&name(node)).is_none())
    );

    // The others come back empty, and then three vote again.
    for node in ["b", "c"] {
        cluster.wipe(node);
        cluster.start(node, &VOTERS).await;
    }
    cluster.settled().await;
    cluster
        .until("three voters", LEASE, || status(&a).voters == 3)
        .await;
    cluster.crash("a").await;
    cluster.leader().await;
}

#[tokio::test(start_paused = true)]
async fn data_of_the_old_cluster_is_refused_and_the_old_cluster_is_not_obeyed() {
    let mut cluster = TestCluster::ready(8, &VOTERS).await;
    recovered(&mut cluster, "a").await;
    let a = cluster.start("a", &["a"]).await;
    cluster.settled().await;
    let new = state(&a).cluster_id;

    // One of the old voters alone: it cannot lead, asks to join, and is told what to do.
    let b = cluster.start("b", &VOTERS).await;
    cluster
        .until("a refusal", LEASE * 3, || {
            status(&b)
                .problem
                .is_some_and(|problem| problem.contains("another cluster"))
        })
        .await;
    assert_eq!(state(&a).alive(&name("b")), None);

    // With the other one they are a majority, and go on as the old cluster, without the new one.
    let c = cluster.start("c", &VOTERS).await;
    sleep(LEASE * 4).await;
    assert_eq!(state(&a).cluster_id, new);
    assert!(a.is_leader() && status(&a).voters == 1);
    assert!(state(&c).cluster_id != new && role(&c) != Role::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_folder_in_use_an_empty_one_and_one_without_a_cluster_are_refused() {
    let mut cluster = TestCluster::ready(9, &VOTERS).await;
    let environment = cluster.machines[&name("a")].environment.clone();
    let used = Recovery::open(environment.clone(), Path::new(DATA)).await;
    assert!(
        matches!(
            used,
            Err(RecoverError::DataDir(DataDirError::Locked { .. }))
        ),
        "{used:?}"
    );

    let missing = Recovery::open(environment, Path::new("/elsewhere")).await;
    assert!(
        matches!(
            missing,
            Err(RecoverError::DataDir(DataDirError::Unused { .. }))
        ),
        "{missing:?}"
    );

    // It waits for others in vain, so it never heard of a cluster.
    let alone = ["x", "y", "z"];
    cluster.start("z", &alone).await;
    sleep(Duration::from_secs(1)).await;
    cluster.crash("z").await;
    let environment = cluster.fresh_environment("z");
    let blank = Recovery::open(environment, Path::new(DATA)).await;
    assert!(
        matches!(blank, Err(RecoverError::NoCluster { .. })),
        "{blank:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_edge_has_nothing_to_recover_from_and_is_told_so() {
    let mut cluster = TestCluster::started(11, &VOTERS).await;
    cluster.start_edge("d", &VOTERS).await;
    cluster.settled().await;
    cluster.crash("d").await;

    let environment = cluster.fresh_environment("d");
    let refused = Recovery::open(environment, Path::new(DATA)).await;

    let refused = refused.expect_err("an edge has no log");
    assert!(
        matches!(refused, RecoverError::NoCluster { .. }),
        "{refused:?}"
    );
    let said = refused.to_string();
    assert!(said.contains("folder of d has no log"), "{said}");
    assert!(said.contains("folder of a voter or a spare"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn what_is_read_for_a_recovery_is_what_the_log_holds_and_changes_nothing() {
    let mut cluster = TestCluster::started(10, &VOTERS).await;
    cluster.start_edge("d", &VOTERS).await;
    cluster.settled().await;
    let last = status(&cluster.node("b")).last_log_index;
    let before = cluster.node("b").raft_id();
    cluster.crash("b").await;

    let environment = cluster.fresh_environment("b");
    let recovery = Recovery::open(environment, Path::new(DATA))
        .await
        .expect("a log");
    assert_eq!(recovery.node(), &name("b"));
    assert_eq!(recovery.last_index(), last);
    assert!(recovery.committed_index() <= last);
    assert_eq!(recovery.voters(), names(&VOTERS));
    assert_eq!(recovery.living_members(), names(&["a", "b", "c", "d"]));
    drop(recovery);
    sleep(Duration::from_millis(10)).await;

    let b = cluster.start("b", &VOTERS).await;
    cluster.settled().await;
    assert_eq!(b.raft_id(), before);
    assert_eq!(status(&b).voters, 3);
}
