use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use raftwire_environment::Environment;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};

use crate::CreateError;

/// Name of the option, in errors.
const AUTHORITIES: &str = "tls_authorities";

/// How to check the certificate of a broker: it must be signed by an authority of this PEM file, or
/// of the system. Reads the file.
///
/// # Errors
///
/// Of the option `tls_authorities`, if there is no authority.
pub fn client_tls(
    authorities_file: Option<&Path>,
    environment: &Environment,
) -> Result<Arc<ClientConfig>, CreateError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clock = Arc::new(WallClock(environment.clone()));
    let config = ClientConfig::builder_with_details(provider, clock)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.to_string()))?;
    let config = config
        .with_root_certificates(authorities(authorities_file, environment)?)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn authorities(
    file: Option<&Path>,
    environment: &Environment,
) -> Result<RootCertStore, CreateError> {
    let mut store = RootCertStore::empty();
    let Some(path) = file else {
        // Some systems ship certificates that are not used here; the others count.
        let (_, _) =
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if store.is_empty() {
            let reason = "the system has no authorities that could vouch for the broker: \
                          give a PEM file";
            return Err(refused(reason.to_owned()));
        }
        return Ok(store);
    };
    let shown = path.display();
    // Once, when the transport is made.
    let read = environment.disk().read(path);
    let content = read.map_err(|error| refused(format!("cannot read {shown}: {error}")))?;
    for certificate in CertificateDer::pem_slice_iter(&content) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| store.add(certificate).map_err(|error| error.to_string()));
        added.map_err(|error| refused(format!("{shown}: {error}")))?;
    }
    if store.is_empty() {
        return Err(refused(format!("{shown} holds no certificate in PEM form")));
    }
    Ok(store)
}

const fn refused(reason: String) -> CreateError {
    CreateError::Option {
        option: AUTHORITIES,
        reason,
    }
}

/// The environment's wall clock: certificates have dates.
#[derive(Debug)]
struct WallClock(Environment);

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        // A clock before 1970 is no clock: the handshake fails and says so.
        let since = self.0.unix_time().duration_since(UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(since))
    }
}
