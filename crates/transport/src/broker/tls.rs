use std::path::Path;
use std::sync::Arc;

use raftwire_environment::Environment;
use rustls::{ClientConfig, RootCertStore};

use crate::CreateError;
use crate::tls::{read_authorities, trusting};

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
    let authorities = match authorities_file {
        // Once, when the transport is made.
        Some(path) => read_authorities(environment.disk().as_ref(), path).map_err(refused)?,
        None => authorities_of_the_system()?,
    };
    trusting(authorities, environment).map_err(refused)
}

fn authorities_of_the_system() -> Result<Arc<RootCertStore>, CreateError> {
    let mut store = RootCertStore::empty();
    // Some systems ship certificates that are not used here; the others count.
    let (_, _) = store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        return Err(refused(
            "the system has no authorities that could vouch for the broker: give a PEM file",
        ));
    }
    Ok(Arc::new(store))
}

fn refused(reason: impl ToString) -> CreateError {
    CreateError::Option {
        option: AUTHORITIES,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_holds_no_authority_is_named_with_the_option() {
        let environment = Environment::real();
        for (file, why) in [
            ("missing.pem", "cannot read missing.pem"),
            ("Cargo.toml", "Cargo.toml: no certificate in PEM form"),
        ] {
            let refused = client_tls(Some(Path::new(file)), &environment).unwrap_err();

            let CreateError::Option { option, reason } = &refused else {
                panic!("{refused:?}");
            };
            assert_eq!(*option, "tls_authorities");
            assert!(reason.starts_with(why), "{reason}");
        }
    }
}
