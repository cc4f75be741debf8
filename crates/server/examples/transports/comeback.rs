//! From the broker's return to a leader.

use std::error::Error;
use std::time::Duration;

use raftwire_environment::Environment;

use crate::carrier::Broker;
use crate::nodes::Nodes;

/// Only a cluster that does not come back takes this long.
const LEADER_MAX: Duration = Duration::from_secs(60);
/// From one look to the next.
const LOOK: Duration = Duration::from_millis(5);

/// Kills the broker, waits until nobody leads any more, and starts it again.
pub(crate) async fn measure(
    environment: &Environment,
    nodes: &Nodes,
    broker: &mut Broker,
) -> Result<Duration, Box<dyn Error>> {
    broker.kill();
    until(nodes, false).await?;
    broker.restart();
    let back = environment.now();
    until(nodes, true).await?;
    Ok(environment.now() - back)
}

async fn until(nodes: &Nodes, led: bool) -> Result<(), Box<dyn Error>> {
    let wait = async {
        while nodes.managers.iter().any(|manager| manager.is_leader()) != led {
            tokio::time::sleep(LOOK).await;
        }
    };
    Ok(tokio::time::timeout(LEADER_MAX, wait).await?)
}
