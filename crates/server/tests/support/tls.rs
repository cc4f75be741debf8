//! An authority for tests, and what nodes and clients need of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SanType,
};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use super::Settings;

/// Signs certificates for `localhost` and 127.0.0.1, and keeps them in a folder of its own.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("authority.pem"), issuer.pem()).unwrap();
        Authority { issuer, folder }
    }

    /// The file with its own certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    pub fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        Arc::new(roots)
    }

    /// What a browser has.
    pub fn client(&self) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(self.roots());
        Arc::new(config.with_no_client_auth())
    }

    /// Writes a certificate with this name, and its key; their files.
    pub fn sign(&self, file: &str, name: &str) -> (PathBuf, PathBuf) {
        let hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(hosts).unwrap();
        let name = SanType::URI(name.try_into().unwrap());
        params.subject_alt_names.push(name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let write = |kind: &str, text: String| -> PathBuf {
            let path = self.folder.path().join(format!("{file}-{kind}.pem"));
            std::fs::write(&path, text).unwrap();
            path
        };
        let certificate = write("certificate", certificate.pem());
        (certificate, write("key", key.serialize_pem()))
    }

    /// The settings of a node that this authority knows by this name.
    pub fn node(&self, node: &str) -> Settings {
        let files = self.sign(node, &format!("raftwire://raftwire/{node}"));
        self.with_files(&files)
    }

    /// The settings of a node with these files, which trusts this authority.
    pub fn with_files(&self, (certificate, key): &(PathBuf, PathBuf)) -> Settings {
        let text = |path: &Path| path.display().to_string();
        let settings = Settings::default()
            .with_flag("tls-certificate", &text(certificate))
            .with_flag("tls-key", &text(key))
            .with_flag("tls-node-authorities", &text(&self.file()));
        Settings {
            tls: Some(self.client()),
            authorities: Some(self.roots()),
            ..settings
        }
    }
}
