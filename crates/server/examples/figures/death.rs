//! A node with many names is killed: how long until its death is committed, and how many entries
//! of the log that is.

use std::error::Error;
use std::time::Duration;

use raftwire_environment::Environment;
use raftwire_server::ClusterReport;

use crate::cluster::{Cluster, NODES, name};
use crate::load_client::LoadClient;
use crate::statistics::{milliseconds, percentile};

const NAMES: usize = 10_000;
const RUNS: usize = 3;
/// Longer than a lease and its committed end.
const DEATH_MAX: Duration = Duration::from_secs(30);
/// How often the leader is asked.
const LOOK: Duration = Duration::from_millis(5);
/// The log rests when it has not grown for so long.
const REST: Duration = Duration::from_secs(2);

struct Run {
    death: Duration,
    /// Entries until the death was applied.
    entries: u64,
    /// Entries until the log rested again: the names that no longer count are swept.
    with_sweep: u64,
}

pub(crate) async fn measure(environment: &Environment) -> Result<(), Box<dyn Error>> {
    println!("a node with {NAMES} named clients killed (kill -9), {RUNS} runs:");
    let mut cluster = Cluster::start(environment).await?;
    let mut all = Vec::with_capacity(RUNS);
    for number in 1..=RUNS {
        let run = one(environment, &mut cluster).await?;
        println!(
            "  run {number}: death committed {:.0} ms, entries {}, with the sweep {}",
            milliseconds(run.death),
            run.entries,
            run.with_sweep
        );
        all.push(run);
    }
    let mut deaths: Vec<_> = all.iter().map(|run| run.death).collect();
    deaths.sort_unstable();
    let median = milliseconds(percentile(&deaths, 0.5));
    println!("  death committed, median: {median:.0} ms (lease 5 s)");
    Ok(())
}

async fn one(environment: &Environment, cluster: &mut Cluster) -> Result<Run, Box<dyn Error>> {
    let leader = cluster.leader().await?;
    let victim = (leader + 1) % NODES;
    let port = cluster.ports[victim];
    let clients = LoadClient::connect_named(environment, port, "name", NAMES).await?;
    let before = at_rest(environment, cluster, leader).await?;

    let killed = environment.now();
    cluster.kill(victim).await?;
    let is_dead = |report: &ClusterReport| {
        let mut nodes = report.nodes.iter();
        nodes.any(|node| node.node == name(victim) && !node.alive)
    };
    let (death, applied) = loop {
        let report = cluster.report(leader).await?;
        let elapsed = environment.now() - killed;
        if is_dead(&report) {
            break (elapsed, report.applied_index);
        }
        if elapsed > DEATH_MAX {
            return Err("no committed death in time".into());
        }
        tokio::time::sleep(LOOK).await;
    };
    let after = at_rest(environment, cluster, leader).await?;
    drop(clients);
    cluster.run(victim)?;
    cluster.ready().await?;
    Ok(Run {
        death,
        entries: applied - before,
        with_sweep: after - before,
    })
}

/// Waits until the log does not grow; the last index that the node has applied.
async fn at_rest(
    environment: &Environment,
    cluster: &Cluster,
    node: usize,
) -> Result<u64, Box<dyn Error>> {
    let deadline = environment.now() + DEATH_MAX;
    let mut applied = cluster.report(node).await?.applied_index;
    while environment.now() < deadline {
        tokio::time::sleep(REST).await;
        let now = cluster.report(node).await?.applied_index;
        if now == applied {
            return Ok(now);
        }
        applied = now;
    }
    Err("the log does not rest".into())
}
