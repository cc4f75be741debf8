//! The leader is killed: how long until there is another, and until its death is committed.

use std::error::Error;
use std::time::{Duration, Instant};

use raftwire_environment::Environment;

use crate::cluster::{Cluster, NODES, name};
use crate::load_client::LoadClient;
use crate::statistics::{milliseconds, spread};

/// Longer than a lease and its committed end.
const WATCH: Duration = Duration::from_secs(12);
/// How often the survivors are asked.
const LOOK: Duration = Duration::from_millis(5);

struct Run {
    leader: Duration,
    death: Duration,
    pause: Duration,
}

pub(crate) async fn measure(environment: &Environment, runs: usize) -> Result<(), Box<dyn Error>> {
    println!(
        "leader killed (kill -9), {runs} runs, one acknowledged send at a time between the survivors:"
    );
    let mut cluster = Cluster::start(environment).await?;
    let mut all = Vec::new();
    for number in 1..=runs {
        let run = one(environment, &mut cluster).await?;
        println!(
            "  run {number:2}: new leader {:.0} ms, death committed {:.0} ms, longest pause {:.1} ms",
            milliseconds(run.leader),
            milliseconds(run.death),
            milliseconds(run.pause)
        );
        all.push(run);
    }
    let of = |value: fn(&Run) -> Duration| spread(&all.iter().map(value).collect::<Vec<_>>());
    println!("  new leader:                 {}", of(|run| run.leader));
    println!("  death committed:            {}", of(|run| run.death));
    println!("  longest pause of survivors: {}", of(|run| run.pause));
    Ok(())
}

async fn one(environment: &Environment, cluster: &mut Cluster) -> Result<Run, Box<dyn Error>> {
    let old = cluster.leader().await?;
    let [one, other] = [(old + 1) % NODES, (old + 2) % NODES];
    let target = LoadClient::connect(environment, cluster.ports[other]).await?;
    let sender = LoadClient::connect(environment, cluster.ports[one]).await?;
    let to = target.id.clone();
    let listening = environment.spawn("target", target.listen());
    let until = environment.now() + WATCH;
    let load = environment.spawn("load", sender.load(to, "tick".to_owned(), 1, until));
    // Some traffic before the kill, so that a pause has two ends.
    tokio::time::sleep(Duration::from_millis(300)).await;

    let killed = environment.now();
    cluster.kill(old).await?;
    let mut leader = None;
    let mut death = None;
    while (leader.is_none() || death.is_none()) && environment.now() < until {
        let report = cluster.report(one).await?;
        let since = environment.now() - killed;
        if leader.is_none() && report.leader.is_some_and(|leader| leader != name(old)) {
            leader = Some(since);
        }
        let is_dead = report
            .nodes
            .iter()
            .any(|node| node.node == name(old) && !node.alive);
        if death.is_none() && is_dead {
            death = Some(since);
        }
        tokio::time::sleep(LOOK).await;
    }
    let seen = load.await?;
    listening.abort();
    if !seen.failures.is_empty() {
        return Err(format!("routes between survivors failed: {:?}", seen.failures).into());
    }
    cluster.run(old)?;
    cluster.ready().await?;
    let leader = leader.ok_or("no new leader in time")?;
    let death = death.ok_or("no committed death in time")?;
    Ok(Run {
        leader,
        death,
        pause: longest_pause(&seen.arrivals),
    })
}

fn longest_pause(arrivals: &[Instant]) -> Duration {
    let gaps = arrivals.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().unwrap_or_default()
}
