//! Three nodes start on empty disks: how long until all are ready.

use std::error::Error;

use raftwire_environment::Environment;

use crate::cluster::Cluster;
use crate::statistics::spread;

pub(crate) async fn measure(environment: &Environment, runs: usize) -> Result<(), Box<dyn Error>> {
    let mut all = Vec::new();
    for _ in 0..runs {
        let began = environment.now();
        let cluster = Cluster::start(environment).await?;
        all.push(environment.now() - began);
        drop(cluster);
    }
    println!(
        "three nodes start on empty disks, {runs} runs, until all are ready: {}",
        spread(&all)
    );
    Ok(())
}
