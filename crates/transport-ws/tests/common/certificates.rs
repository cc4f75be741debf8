//! An authority for tests, and the certificates that it signs.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use raftwire_environment::Environment;
use raftwire_protocol::NodeId;
use raftwire_transport_ws::tls::{NodeTls, NodeTlsFiles, certificate_name};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, PKCS_ED25519, SanType,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Signs certificates. Ed25519: its signatures all have the same length, so that a simulation
/// whose keys are not from its seed runs the same way for the same seed.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM form and not.
pub struct Certificate {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).unwrap()
}

impl Authority {
    pub fn new() -> Self {
        Self::named("authority of a test")
    }

    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, key()).unwrap();
        Self { issuer }
    }

    /// What a certificate of this node is made of; to be changed before it is signed.
    pub fn params(cluster: &str, node: &NodeId) -> CertificateParams {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let name = certificate_name(cluster, node);
        let name = SanType::URI(name.try_into().unwrap());
        params.subject_alt_names.push(name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params
    }

    pub fn sign(&self, params: CertificateParams) -> Certificate {
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certificate { certificate, key }
    }

    /// The certificate of a node of the cluster `test`.
    pub fn node(&self, node: &NodeId) -> Certificate {
        self.sign(Self::params("test", node))
    }

    pub fn expired(&self, node: &NodeId) -> Certificate {
        let mut params = Self::params("test", node);
        params.not_before = rcgen::date_time_ymd(1990, 1, 1);
        params.not_after = rcgen::date_time_ymd(1991, 1, 1);
        self.sign(params)
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// What an independent client needs; without a certificate where `shows` is none.
    pub fn client(&self, shows: Option<&Certificate>, alpn: &[u8]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots);
        let mut config = match shows {
            None => config.with_no_client_auth(),
            Some(Certificate { certificate, key }) => {
                let key = PrivatePkcs8KeyDer::from(key.serialize_der());
                let chain = vec![certificate.der().clone()];
                config
                    .with_client_auth_cert(chain, PrivateKeyDer::from(key))
                    .unwrap()
            }
        };
        config.alpn_protocols = vec![alpn.to_vec()];
        Arc::new(config)
    }
}

impl Certificate {
    /// Writes certificate, key and the bundle of `trusts` into a folder, over what is there.
    pub fn write(&self, environment: &Environment, folder: &Path, trusts: &str) -> NodeTlsFiles {
        let disk = environment.disk();
        disk.create_dir_all(folder).unwrap();
        let write = |name: &str, text: &str| -> PathBuf {
            let path = folder.join(name);
            let mut file = disk.open_append(&path).unwrap();
            file.truncate(0).unwrap();
            file.append(text.as_bytes()).unwrap();
            path
        };
        NodeTlsFiles {
            certificate: write("certificate.pem", &self.certificate.pem()),
            key: write("key.pem", &self.key.serialize_pem()),
            authorities: write("authorities.pem", trusts),
            certificate_required: true,
        }
    }

    pub fn load(&self, environment: &Environment, folder: &Path, trusts: &str) -> NodeTls {
        NodeTls::load(self.write(environment, folder, trusts), environment).unwrap()
    }
}
