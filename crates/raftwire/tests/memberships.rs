//! Joining and leaving, and how the other nodes hear of it.

mod support;

use std::time::Duration;

use raftwire::{ClusterManager, Frame, Group, MembershipError};
use support::{Cluster, accept, eventually, ready, receive};

fn group(name: impl ToString) -> Group {
    name.to_string().parse().expect("a group")
}

async fn reached(node: &ClusterManager, name: &str) -> u64 {
    let outcome = node.router().send_to_group(&group(name), "?").await;
    assert!(outcome.is_complete(), "{outcome}");
    outcome.counts.delivered
}

/// Two nodes that do not lead: a cut between them costs neither its lease.
fn followers(cluster: &Cluster) -> [ClusterManager; 2] {
    let leader = cluster.leader().expect("a leader");
    [1, 2].map(|offset| cluster.nodes[(leader + offset) % 3].clone())
}

#[tokio::test(start_paused = true)]
async fn a_join_is_not_settled_before_the_last_node_has_heard_of_it() {
    let cluster = Cluster::start(3).await;
    let [one, other] = followers(&cluster);
    let (connection, mut outbox) = accept(&one);
    cluster.network.cut(one.node_id(), other.node_id());

    let join = one.join_settled(&connection, group("room"));
    tokio::pin!(join);
    let early = tokio::time::timeout(Duration::from_secs(3), &mut join).await;
    assert!(early.is_err(), "the cut stands");
    cluster.network.heal_all();

    assert_eq!(join.await, Ok(()));
    assert_eq!(reached(&other, "room").await, 1);
    assert_eq!(receive(&mut outbox).await, [Frame::text("?")]);
}

#[tokio::test(start_paused = true)]
async fn a_join_is_settled_when_the_node_that_does_not_answer_is_held_dead() {
    let cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    let dead = cluster.nodes[1].node_id();

    cluster.isolate(1);
    let settled = cluster.nodes[0]
        .join_settled(&connection, group("room"))
        .await;

    assert_eq!(settled, Ok(()));
    let views = cluster.nodes[0].nodes();
    assert!(
        views
            .iter()
            .any(|view| view.node == *dead && !view.is_alive)
    );
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_missed_more_than_its_writer_remembers_takes_the_whole_set() {
    let cluster = Cluster::start(3).await;
    let [writer, other] = followers(&cluster);
    let (connection, mut outbox) = accept(&writer);
    writer.join(&connection, group("left")).expect("its own");
    for number in 0..900 {
        // More than one part of a set has room for.
        let name = format!("{number} {}", "long".repeat(50));
        writer.join(&connection, group(name)).expect("its own");
    }
    writer
        .join_settled(&connection, group("kept"))
        .await
        .expect("settled");

    cluster.network.cut(writer.node_id(), other.node_id());
    let before = other.owned_facts()[writer.node_id()];
    writer.leave(&connection, &group("left"));
    for number in 0..60_000 {
        let name = group(format!("churn {}", number % 10));
        writer.join(&connection, name.clone()).expect("its own");
        writer.leave(&connection, &name);
        if number % 1_000 == 0 {
            // The links try to keep up, and cannot.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    writer.join(&connection, group("new")).expect("its own");
    // Not even the log of changes reaches back to where the copy is.
    let behind = writer.owned_facts()[writer.node_id()].sequence - before.sequence;
    assert!(behind > 100_000, "{behind}");
    let while_cut = other.router().send_to_group(&group("new"), "missed").await;
    cluster.network.heal_all();
    writer
        .join_settled(&connection, group("last"))
        .await
        .expect("settled");

    assert_eq!(while_cut.counts.delivered, 0);
    let facts = |node: &ClusterManager| node.owned_facts()[writer.node_id()];
    eventually("the copy is whole", || facts(&other) == facts(&writer)).await;
    for (name, expected) in [
        ("kept", 1),
        ("new", 1),
        ("last", 1),
        ("left", 0),
        ("churn 3", 0),
    ] {
        assert_eq!(reached(&other, name).await, expected, "{name}");
    }
    assert_eq!(receive(&mut outbox).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn copies_that_are_whole_ask_nobody() {
    let cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    cluster.nodes[0]
        .join_settled(&connection, group("room"))
        .await
        .expect("settled");
    // Until every copy has been compared with its writer.
    tokio::time::sleep(Duration::from_secs(3)).await;

    // A node that were asked could not answer.
    cluster.isolate(2);
    let room = cluster.nodes[1]
        .router()
        .send_to_group(&group("room"), "here")
        .await;
    let empty = cluster.nodes[1]
        .router()
        .send_to_group(&group("empty"), "nobody")
        .await;

    assert!(room.is_complete() && empty.is_complete(), "{room} {empty}");
    assert_eq!((room.counts.delivered, empty.counts.total()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_connections_with_groups_leave_nothing_behind() {
    let cluster = Cluster::start(3).await;
    let node = &cluster.nodes[0];
    for number in 0..100_000 {
        let (connection, outbox) = accept(node);
        let user = format!("user {}", number % 100).parse().expect("a user");
        node.set_user(&connection, Some(user)).expect("its own");
        node.join(&connection, group(number % 10)).expect("its own");
        if number % 2 == 0 {
            node.leave(&connection, &group(number % 10));
        }
        drop(outbox);
        if number % 1_000 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let (connection, _outbox) = accept(node);
    node.join_settled(&connection, group("last"))
        .await
        .expect("settled");

    for other in &cluster.nodes[1..] {
        for number in 0..10 {
            assert_eq!(reached(other, &number.to_string()).await, 0);
        }
        assert_eq!(reached(other, "last").await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn only_its_own_node_says_what_a_connection_belongs_to() {
    let cluster = Cluster::start(3).await;
    let (elsewhere, _outbox) = accept(&cluster.nodes[1]);
    let (ended, outbox) = accept(&cluster.nodes[0]);
    drop(outbox);

    for connection in [elsewhere, ended] {
        let joined = cluster.nodes[0].join(&connection, group("room"));
        let set = cluster.nodes[0].set_user(&connection, None);
        assert_eq!(joined, Err(MembershipError::NotHere));
        assert_eq!(set, Err(MembershipError::NotHere));
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_the_wait_for_a_settled_join() {
    let cluster = Cluster::start(3).await;
    let (connection, _outbox) = accept(&cluster.nodes[0]);
    cluster.isolate(0);
    eventually("the lease ends", || !cluster.nodes[0].is_ready()).await;

    let join = cluster.nodes[0].join_settled(&connection, group("room"));
    let stop = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        cluster.nodes[0].stop().await;
    };
    let (joined, ()) = tokio::join!(join, stop);

    assert_eq!(joined, Err(MembershipError::Stopped));
}

#[tokio::test(start_paused = true)]
async fn groups_are_reached_through_losses_repetitions_and_reordering() {
    let cluster = Cluster::start(3).await;
    let bad = raftwire_transport::memory::LinkProfile::bad();
    for node in &cluster.nodes {
        ready(node).await;
    }
    cluster.network.set_default_profile(bad);
    let mut outboxes = Vec::new();
    for round in 0..30 {
        let node = &cluster.nodes[round % 3];
        let (connection, outbox) = accept(node);
        node.join_settled(&connection, group("room"))
            .await
            .expect("settled");
        outboxes.push(outbox);

        let sender = &cluster.nodes[(round + 1) % 3];
        assert_eq!(reached(sender, "room").await, round as u64 + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn copies_are_whole_soon_and_those_of_the_dead_are_dropped() {
    let cluster = Cluster::start(3).await;
    let mut outboxes = Vec::new();
    for (index, node) in cluster.nodes.iter().enumerate() {
        for number in 0..=index {
            let (connection, outbox) = accept(node);
            node.join(&connection, group(number)).expect("its own");
            outboxes.push(outbox);
        }
    }
    let own = |index: usize| {
        let node = &cluster.nodes[index];
        node.owned_facts()[node.node_id()]
    };

    for node in &cluster.nodes {
        eventually("whole copies", || {
            let known = node.owned_facts();
            (0..3).all(|index| known.get(cluster.nodes[index].node_id()) == Some(&own(index)))
        })
        .await;
    }
    assert_eq!([0, 1, 2].map(|index| own(index).rows), [1, 2, 3]);

    cluster.isolate(0);
    for node in &cluster.nodes[1..] {
        let dead = cluster.nodes[0].node_id();
        eventually("no copy of the dead", || {
            !node.owned_facts().contains_key(dead)
        })
        .await;
    }
}
