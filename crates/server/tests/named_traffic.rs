//! `kill -9` of real processes, voters and edges, while clients send to each other's names.

mod support;

use support::{Cluster, Settings, Traffic, eventually};

const VOTERS: usize = 3;
const EDGES: usize = 2;
const NODES: usize = VOTERS + EDGES;
/// Named clients of each node: one that sends to a name of each other node.
const CLIENTS_PER_NODE: usize = NODES - 1;
/// Messages that a name must receive before it counts as reached.
const REACHED: usize = 10;

/// The clients of a node: the name of each, and the name that it sends to.
fn clients_of(node: usize) -> impl Iterator<Item = (String, String)> {
    (0..CLIENTS_PER_NODE).map(move |client| {
        let target = (node + 1 + client) % NODES;
        (
            format!("node{node}-client{client}"),
            format!("node{target}-client{client}"),
        )
    })
}

fn names_of(node: usize) -> Vec<String> {
    clients_of(node).map(|(name, _)| name).collect()
}

/// Connects the clients of a node to it, each under its name, which others may have.
async fn at_home(traffic: &mut Traffic, ports: &[u16], node: usize) {
    for (name, to) in clients_of(node) {
        traffic.named(node, ports, &name, &to).await;
    }
}

/// Waits until each of these names is reached where its client is now, which must be as wanted.
async fn reached(traffic: &Traffic, what: &str, names: &[String], wanted: impl Fn(usize) -> bool) {
    eventually(what, async || {
        let is_reached = |name: &String| {
            let place = traffic.place(name);
            place.is_some_and(|(node, received)| wanted(node) && received >= REACHED)
        };
        names.iter().all(is_reached).then_some(())
    })
    .await;
}

/// Waits until each name at home on a survivor has received more from clients of other survivors.
async fn survivors_go_on(traffic: &Traffic, victim: usize) {
    let before = traffic.received_by_name();
    let what = format!("messages between the survivors of {victim}");
    eventually(&what, async || {
        let now = traffic.received_by_name();
        let between = (0..NODES)
            .filter(|node| *node != victim)
            .flat_map(clients_of);
        let victims = names_of(victim);
        let mut between = between.filter(|(_, to)| !victims.contains(to));
        between
            .all(|(_, to)| now[&to] >= before[&to] + REACHED)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_reached_while_each_of_five_nodes_is_killed_and_after_all_were() {
    let settings = Settings::default().with_flag("client-identity-in-query", "true");
    let mut cluster = Cluster::start_with_edges_and(VOTERS, EDGES, &settings).await;
    let ports: Vec<u16> = (0..NODES).map(|node| cluster.node(node).port).collect();
    let everybody: Vec<String> = (0..NODES).flat_map(names_of).collect();
    let mut traffic = Traffic::new();
    for node in 0..NODES {
        at_home(&mut traffic, &ports, node).await;
    }
    reached(&traffic, "the beginning", &everybody, |_| true).await;

    for victim in 0..NODES {
        cluster.kill(victim).await;
        survivors_go_on(&traffic, victim).await;
        // Its clients go to another node, and take their names from what is not yet declared dead.
        let what = format!("the clients of {victim} elsewhere");
        reached(&traffic, &what, &names_of(victim), |node| node != victim).await;
        cluster.restart(victim).await;
        // And come home while the connections elsewhere live.
        at_home(&mut traffic, &ports, victim).await;
        let what = format!("the clients of {victim} at home");
        reached(&traffic, &what, &names_of(victim), |node| node == victim).await;
    }

    for node in 0..NODES {
        cluster.kill(node).await;
    }
    for node in 0..NODES {
        cluster.node_mut(node).start();
    }
    for node in 0..NODES {
        cluster.ready(node).await;
    }
    reached(&traffic, "everybody after the restart", &everybody, |_| {
        true
    })
    .await;
    for node in 0..NODES {
        at_home(&mut traffic, &ports, node).await;
        let what = format!("the clients of {node} at home after the restart");
        reached(&traffic, &what, &names_of(node), |place| place == node).await;
    }
    // The connections that lost their names hear of it a little later than the new ones are reached.
    eventually("each came home twice", async || {
        (traffic.tally().superseded >= 2 * everybody.len()).then_some(())
    })
    .await;
    let tally = traffic.settle().await;

    assert!(tally.acknowledged > 50 * everybody.len(), "{tally:?}");
}
