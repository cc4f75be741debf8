//! Acknowledged routes from clients of one node to clients of another.

use std::error::Error;
use std::time::Duration;

use raftwire_environment::Environment;

use crate::cluster::Cluster;
use crate::load_client::LoadClient;
use crate::statistics::{milliseconds, percentile};

const SENDERS: usize = 100;
const IN_FLIGHT: usize = 16;
const PAYLOAD_BYTES: usize = 128;
const LENGTH: Duration = Duration::from_secs(8);

pub(crate) async fn measure(environment: &Environment) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::start(environment).await?;
    println!(
        "acknowledged routes, {PAYLOAD_BYTES} bytes, clients of node1 to clients of node3, {} s each:",
        LENGTH.as_secs()
    );
    for (senders, in_flight) in [(1, 1), (SENDERS, 1), (SENDERS, IN_FLIGHT)] {
        let mut loads = Vec::new();
        let mut targets = Vec::new();
        let mut pairs = Vec::new();
        for _ in 0..senders {
            let target = LoadClient::connect(environment, cluster.ports[2]).await?;
            let to = target.id.clone();
            targets.push(environment.spawn("target", target.listen()));
            pairs.push((
                LoadClient::connect(environment, cluster.ports[0]).await?,
                to,
            ));
        }
        let until = environment.now() + LENGTH;
        for (sender, to) in pairs {
            let payload = "x".repeat(PAYLOAD_BYTES);
            loads.push(environment.spawn("load", sender.load(to, payload, in_flight, until)));
        }
        let mut latencies = Vec::new();
        for load in loads {
            let seen = load.await?;
            if !seen.failures.is_empty() {
                return Err(format!("routes failed: {:?}", seen.failures).into());
            }
            latencies.extend(seen.latencies);
        }
        targets.iter().for_each(|target| target.abort());
        latencies.sort_unstable();
        let rate = latencies.len() as f64 / LENGTH.as_secs_f64();
        let [p50, p99] = [0.5, 0.99].map(|share| milliseconds(percentile(&latencies, share)));
        println!(
            "  {senders:3} senders x {in_flight:2} in flight: {rate:7.0} routes/s, p50 {p50:.2} ms, p99 {p99:.2} ms"
        );
    }
    Ok(())
}
