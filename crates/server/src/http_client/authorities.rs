//! Whom a command trusts.

use std::path::PathBuf;
use std::sync::Arc;

use raftwire_environment::Environment;
use raftwire_transport::tls::read_authorities;
use rustls::RootCertStore;

use super::RequestError;

/// Reads the authorities that `--ca` names.
///
/// # Errors
/// [`RequestError::Authorities`].
pub(crate) async fn read_ca(
    environment: &Environment,
    path: Option<PathBuf>,
) -> Result<Option<Arc<RootCertStore>>, RequestError> {
    let Some(path) = path else { return Ok(None) };
    let disk = Arc::clone(environment.disk());
    let executor = environment.executor("certificates");
    let reading = executor.spawn("certificates", async move {
        read_authorities(disk.as_ref(), &path)
    });
    // The task does not panic, and nobody aborts it.
    match reading.await {
        Ok(read) => Ok(Some(read?)),
        Err(_) => Ok(None),
    }
}
