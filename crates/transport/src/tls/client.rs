use std::sync::Arc;

use raftwire_environment::Environment;
use rustls::{ClientConfig, RootCertStore};

use super::WallClock;

/// The side of a client that shows no certificate, and takes one of these authorities' that is of the
/// host which it dials.
///
/// # Errors
///
/// If `ring` cannot do what TLS needs, which it can.
pub fn trusting(
    authorities: Arc<RootCertStore>,
    environment: &Environment,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clock = Arc::new(WallClock::new(environment.clone()));
    let config = ClientConfig::builder_with_details(provider, clock)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
