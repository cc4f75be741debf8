//! An edge that knows nothing joins a cluster without names, and one with many.

use std::error::Error;

use raftwire_environment::Environment;

use crate::cluster::Cluster;
use crate::holder::Holder;
use crate::statistics::spread;

const NAMES: usize = 100_000;
const RUNS: usize = 11;

pub(crate) async fn measure(environment: &Environment) -> Result<(), Box<dyn Error>> {
    let mut cluster = Cluster::start(environment).await?;
    let mut holder = Holder::start(environment, &cluster).await?;
    println!("an edge joins, from the start of its process until it is ready, {RUNS} runs:");
    for names in [0, NAMES] {
        holder.register(names).await?;
        let mut all = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            all.push(cluster.join_edge().await?);
            cluster.forget_edge().await?;
        }
        println!("  {names:6} names in the cluster: {}", spread(&all));
    }
    holder.stop().await;
    Ok(())
}
