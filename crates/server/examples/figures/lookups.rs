//! A client of an edge sends to names that live on another node: the first message to each asks a
//! voter where it is, the second finds the answer kept.

use std::error::Error;

use raftwire_environment::Environment;

use crate::cluster::{Cluster, EDGE};
use crate::load_client::LoadClient;
use crate::statistics::{milliseconds, percentile};

const NAMES: usize = 5_000;

pub(crate) async fn measure(environment: &Environment) -> Result<(), Box<dyn Error>> {
    let mut cluster = Cluster::start(environment).await?;
    cluster.join_edge().await?;
    let holders = LoadClient::connect_named(environment, cluster.ports[0], "name", NAMES).await?;
    let ids: Vec<String> = holders.iter().map(|holder| holder.id.clone()).collect();
    let names: Vec<String> = (0..NAMES).map(|number| format!("name{number}")).collect();
    let listening: Vec<_> = holders
        .into_iter()
        .map(|holder| environment.spawn("target", holder.listen()))
        .collect();
    let mut sender = LoadClient::connect(environment, cluster.ports[EDGE]).await?;

    println!(
        "acknowledged messages of a client of an edge to {NAMES} names of another node, one at a time:"
    );
    for (what, targets) in [
        ("by id, no lookup:", &ids),
        ("by name, asked of a voter:", &names),
        ("by name, cached:", &names),
    ] {
        let mut latencies = sender.send_to_each(targets).await?;
        latencies.sort_unstable();
        let [p50, p99] = [0.5, 0.99].map(|share| milliseconds(percentile(&latencies, share)));
        println!("  {what:27} p50 {p50:.3} ms, p99 {p99:.3} ms");
    }
    listening.iter().for_each(|task| task.abort());
    Ok(())
}
