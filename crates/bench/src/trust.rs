use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};

use crate::machine;

/// Whose certificates a server may have that is asked with TLS.
///
/// Each connection makes a handshake of its own: nothing is resumed, since that is what new clients cost.
#[derive(Clone, Deserialize, Serialize)]
#[serde(into = "PathBuf", try_from = "PathBuf")]
pub struct Trust {
    path: PathBuf,
    config: Arc<ClientConfig>,
}

/// Authorities that cannot be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file cannot be read.
    #[error("{path:?} cannot be read: {error}", path = .path.display())]
    File {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It has no certificates in PEM, or ones that are none.
    #[error("{path:?} has no certificates of authorities in PEM: {error}", path = .path.display())]
    Pem {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        error: pem::Error,
    },
    /// One of its certificates cannot be used, or the cryptography.
    #[error("{path:?} cannot be used: {error}", path = .path.display())]
    Certificate {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        error: rustls::Error,
    },
}

impl Trust {
    /// In the authorities whose certificates this file has, in PEM.
    ///
    /// # Errors
    /// [`TrustError`]
    pub fn from_file(path: &Path) -> Result<Trust, TrustError> {
        let path = path.to_owned();
        let bytes = match machine::read_file(&path) {
            Ok(bytes) => bytes,
            Err(error) => return Err(TrustError::File { path, error }),
        };
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        let certificates = match certificates {
            Ok(none) if none.is_empty() => Err(pem::Error::NoItemsFound),
            read => read,
        };
        match certificates.map(trusting) {
            Ok(Ok(config)) => Ok(Trust { path, config }),
            Ok(Err(error)) => Err(TrustError::Certificate { path, error }),
            Err(error) => Err(TrustError::Pem { path, error }),
        }
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        self.config.clone()
    }
}

fn trusting(authorities: Vec<CertificateDer<'static>>) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

impl TryFrom<PathBuf> for Trust {
    type Error = TrustError;

    fn try_from(path: PathBuf) -> Result<Trust, TrustError> {
        Trust::from_file(&path)
    }
}

impl From<Trust> for PathBuf {
    fn from(trust: Trust) -> PathBuf {
        trust.path
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Trust");
        debug.field("path", &self.path).finish_non_exhaustive()
    }
}
