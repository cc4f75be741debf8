use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use raftwire_environment::Disk;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};

/// Bytes of the largest file that is read: twice the bundle of all public authorities.
const FILE_BYTES_MAX: usize = 512 * 1024;

/// What is wrong with a file of certificates or keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is larger than any such file.
    #[error("{} has {bytes} bytes; at most {limit} are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// It is not PEM, or what is wanted is not in it.
    #[error("{}: no {wanted} in PEM form: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
        /// The parser's words.
        source: pem::Error,
    },
    /// What is in it cannot be used.
    #[error("{}: the {what} cannot be used: {source}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What was looked at.
        what: &'static str,
        /// The words of the TLS library.
        source: Error,
    },
    /// Certificate and key are not of each other.
    #[error(
        "the key in {} is not that of the first certificate in {}",
        key.display(), certificate.display()
    )]
    NotItsKey {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
}

/// Reads a certificate, followed by those that lead to its authority, and its key (PKCS #8,
/// PKCS #1 or SEC 1, not encrypted). Blocks.
///
/// # Errors
///
/// See [`PemError`].
pub fn read_identity(
    disk: &dyn Disk,
    certificate: &Path,
    key: &Path,
) -> Result<Arc<CertifiedKey>, PemError> {
    let chain = read_certificates(disk, certificate)?;
    let private = PrivateKeyDer::from_pem_slice(&read(disk, key)?);
    let private = private.map_err(|source| PemError::Malformed {
        path: key.to_owned(),
        wanted: "private key without a password",
        source,
    })?;
    let unusable = |path: &Path, what, source| PemError::Unusable {
        path: path.to_owned(),
        what,
        source,
    };
    let provider = rustls::crypto::ring::default_provider();
    let private = provider.key_provider.load_private_key(private);
    let private = private.map_err(|source| unusable(key, "private key", source))?;
    let identity = CertifiedKey::new(chain, private);
    match identity.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Arc::new(identity)),
        Err(Error::InconsistentKeys(_)) => Err(PemError::NotItsKey {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        }),
        Err(source) => Err(unusable(certificate, "certificate", source)),
    }
}

/// Reads the certificates of authorities. Blocks.
///
/// # Errors
///
/// See [`PemError`].
pub fn read_authorities(disk: &dyn Disk, path: &Path) -> Result<Arc<RootCertStore>, PemError> {
    let mut authorities = RootCertStore::empty();
    for certificate in read_certificates(disk, path)? {
        let added = authorities.add(certificate);
        added.map_err(|source| PemError::Unusable {
            path: path.to_owned(),
            what: "certificate of an authority",
            source,
        })?;
    }
    Ok(Arc::new(authorities))
}

fn read_certificates(
    disk: &dyn Disk,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let bytes = read(disk, path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let all = all.and_then(|all| match all.is_empty() {
        true => Err(pem::Error::NoItemsFound),
        false => Ok(all),
    });
    all.map_err(|source| PemError::Malformed {
        path: path.to_owned(),
        wanted: "certificate",
        source,
    })
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, PemError> {
    let bytes = disk.read(path).map_err(|source| PemError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(PemError::TooLarge {
            path: path.to_owned(),
            bytes: bytes.len(),
            limit: FILE_BYTES_MAX,
        });
    }
    Ok(bytes)
}
