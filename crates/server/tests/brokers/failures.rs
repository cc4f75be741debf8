//! What every broker may do to the nodes: it dies, for shorter and longer, and hangs.

use std::time::Duration;

use crate::broker::{Broker, flows, nobody_is_ready, settings, settled, three_nodes};
use crate::support::{Cluster, Traffic};

/// How often the broker is killed.
const KILLS: u32 = 5;

/// How long it is away, and twice as long the next time, and so on: from less than an election
/// takes to more.
pub(crate) const OUTAGE: Duration = Duration::from_millis(500);

/// Longer than the silence after which a broker counts as gone.
const PAUSE: Duration = Duration::from_secs(5);

/// Kills the broker again and again, and lets it hang once; the traffic flows after each.
pub(crate) async fn dies_and_hangs<B: Broker>(
    server: &mut B,
    cluster: &Cluster,
    traffic: &Traffic,
) {
    for run in 1..=KILLS {
        server.kill();
        if run == 1 {
            nobody_is_ready(cluster).await;
        } else {
            tokio::time::sleep(OUTAGE * run).await;
        }
        server.restart();
        let back = std::time::Instant::now();
        cluster.leader_among(&[0, 1, 2]).await;
        let leader = back.elapsed();
        let what = format!("messages after death {run} of the broker");
        flows(traffic, &what).await;
        let flow = back.elapsed();
        eprintln!("death {run} of the broker: a leader after {leader:?}, messages after {flow:?}");
    }
    server.pause();
    tokio::time::sleep(PAUSE).await;
    server.resume();
    cluster.leader_among(&[0, 1, 2]).await;
    flows(traffic, "messages after the broker hung").await;
}

pub(crate) async fn a_node_is_killed_while_the_broker_dies<B: Broker>() {
    let mut server = B::start();
    let (mut cluster, traffic) = three_nodes(&server).await;
    let (old, before) = cluster.leader_among(&[0, 1, 2]).await;

    server.kill();
    cluster.kill(old).await;
    server.restart();
    let survivors: Vec<usize> = (0..3).filter(|node| *node != old).collect();
    let (_, elected) = cluster.leader_among(&survivors).await;
    cluster.restart(old).await;

    assert!(elected.term > before.term);
    flows(&traffic, "messages between the survivors").await;
    settled(traffic, 100).await;
}

pub(crate) async fn a_node_says_what_carries_the_cluster<B: Broker>() {
    let server = B::start();
    let transport = B::TRANSPORT;
    let settings = settings(&server).with_flag("transport-type", transport);
    let cluster = Cluster::start_with(1, &settings).await;

    let log = cluster.node(0).log();

    for words in [
        "timings between nodes",
        &format!("control=\"{transport}\""),
        &format!("data=\"{transport}\""),
        &format!("{transport}=\"{}\"", server.url()),
        "heartbeat=400ms",
        "lease=12s",
        &format!("connected to {}", B::NAME),
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
}
