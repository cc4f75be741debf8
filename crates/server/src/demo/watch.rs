//! Waits for the cluster to say something.

use std::time::Duration;

use raftwire_environment::Environment;

use super::DemoError;
use super::nodes::{NODES, Nodes};
use crate::ClusterReport;

/// How often the nodes are asked: the grain of every time that is told.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Asks the nodes `among`, again and again, until one says what `wanted` is looking for. What
/// does not answer is asked again.
pub(super) async fn until<T>(
    environment: &Environment,
    nodes: &mut Nodes,
    among: &[usize],
    (what, timeout): (&str, Duration),
    wanted: impl Fn(usize, &ClusterReport) -> Option<T>,
) -> Result<T, DemoError> {
    let deadline = environment.now() + timeout;
    let mut clients = Vec::with_capacity(NODES);
    for index in among {
        clients.push((*index, nodes.http(*index)?));
    }
    loop {
        for (index, client) in &clients {
            // Without the others' counts: a dead node would be waited for.
            let report = client
                .get::<ClusterReport>("/api/v1/cluster?connections=local")
                .await;
            if let Some(found) = report.ok().and_then(|report| wanted(*index, &report)) {
                return Ok(found);
            }
        }
        nodes.check()?;
        if environment.now() >= deadline {
            let what = what.to_owned();
            return Err(DemoError::TooLate {
                what,
                seconds: timeout.as_secs(),
            });
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
