//! What an idle connection costs the server's process.

use std::error::Error;
use std::time::Duration;

use raftwire_environment::Environment;

use crate::cluster::Cluster;
use crate::load_client::LoadClient;

const CONNECTIONS: usize = 10_000;
/// For allocations of the handshakes to be given back.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) async fn measure(environment: &Environment) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::start(environment).await?;
    let before = cluster.resident_bytes(0)?;
    let mut clients = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        clients.push(LoadClient::connect(environment, cluster.ports[0]).await?);
    }
    tokio::time::sleep(SETTLE).await;
    let after = cluster.resident_bytes(0)?;
    let each = after.saturating_sub(before) as f64 / CONNECTIONS as f64;
    println!(
        "memory: {CONNECTIONS} idle connections on node1: {:.1} MB resident before, {:.1} MB after, {:.1} kB each",
        before as f64 / 1e6,
        after as f64 / 1e6,
        each / 1e3
    );
    drop(clients);
    Ok(())
}
