//! `raftwire remove`

use raftwire::NodeId;
use raftwire_environment::Environment;

use super::arguments::RemoveArguments;
use super::{Failure, Output, client_of};

pub(super) async fn run(
    arguments: RemoveArguments,
    environment: Environment,
) -> Result<(), Failure> {
    let name: NodeId = arguments.name.parse().map_err(Failure::usage)?;
    let client = client_of(arguments.node, environment).await?;
    client
        .delete(&format!("/api/v1/nodes/{name}"))
        .await
        .map_err(Failure::new)?;
    Output::stdout().line(&format!("{name} is no member any more"));
    Ok(())
}
