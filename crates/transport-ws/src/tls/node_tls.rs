use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use raftwire_environment::Environment;
use raftwire_protocol::NodeId;
use raftwire_transport::ChannelSecurity;
use raftwire_transport::tls::{PemError, WallClock, read_authorities, read_identity};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::TlsPeer;
use super::certificate::{CertificateRefused, certificate_name, check_name};
use super::peer::security_of_client;
use super::verifier::OneNode;

/// The protocol that nodes offer to each other in their TLS handshake (ALPN), so that one port
/// can show clients another certificate and ask them for none.
pub const NODE_ALPN: &[u8] = b"raftwire-cluster";

/// Where the certificates of a node are, all of them PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTlsFiles {
    /// The node's certificate, which [names](certificate_name) it, and those that lead to its
    /// authority.
    pub certificate: PathBuf,
    /// Its private key, without a password.
    pub key: PathBuf,
    /// The authorities that sign the certificates of nodes. Several while one replaces another.
    pub authorities: PathBuf,
    /// Whether whoever dials must show a certificate (mutual TLS). True is what nodes should
    /// have: without it only the cluster's secret proves who dials.
    pub certificate_required: bool,
}

/// TLS between nodes, in both directions: TLS 1.3, without resumption, so that every connection
/// has shown its certificate. Cheap to clone; clones share what is loaded.
#[derive(Clone, Debug)]
pub struct NodeTls {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    files: NodeTlsFiles,
    environment: Environment,
    current: Mutex<Arc<Loaded>>,
}

/// What the files held when they were read last.
#[derive(Debug)]
struct Loaded {
    identity: Arc<CertifiedKey>,
    authorities: Arc<RootCertStore>,
    server: Arc<ServerConfig>,
}

impl NodeTls {
    /// Reads the files. Blocks: to be called on an executor.
    ///
    /// # Errors
    ///
    /// See [`PemError`].
    pub fn load(files: NodeTlsFiles, environment: &Environment) -> Result<Self, PemError> {
        let loaded = Loaded::read(&files, environment)?;
        Ok(Self {
            inner: Arc::new(Inner {
                files,
                environment: environment.clone(),
                current: Mutex::new(Arc::new(loaded)),
            }),
        })
    }

    /// Reads the files again, for the connections to come; returns whether they hold something
    /// else than before. Blocks: to be called on an executor.
    ///
    /// # Errors
    ///
    /// See [`PemError`]; what was loaded before stays in use.
    pub fn reload(&self) -> Result<bool, PemError> {
        let Inner {
            files, environment, ..
        } = &*self.inner;
        let read = Loaded::read(files, environment)?;
        let before = self.loaded();
        let same = read.identity.cert == before.identity.cert
            && read.authorities.roots == before.authorities.roots;
        if !same {
            *self.slot() = Arc::new(read);
        }
        Ok(!same)
    }

    /// Checks that this node's own certificate names it.
    ///
    /// # Errors
    ///
    /// [`CertificateRefused::OtherName`].
    pub fn check_own(&self, cluster: &str, node: &NodeId) -> Result<(), CertificateRefused> {
        let expected = certificate_name(cluster, node);
        match self.loaded().identity.cert.first() {
            Some(certificate) => check_name(certificate, expected),
            None => Err(CertificateRefused::Missing { expected }),
        }
    }

    /// Checks that whoever dialled is the node that it says it is: its certificate names it, or
    /// it has none and needs none.
    ///
    /// # Errors
    ///
    /// See [`CertificateRefused`].
    pub fn check_peer(
        &self,
        peer: &TlsPeer,
        cluster: &str,
        node: &NodeId,
    ) -> Result<(), CertificateRefused> {
        let expected = certificate_name(cluster, node);
        match &peer.certificate {
            Some(certificate) => check_name(certificate, expected),
            None if self.inner.files.certificate_required => {
                Err(CertificateRefused::Missing { expected })
            }
            None => Ok(()),
        }
    }

    /// How to answer whoever offers [`NODE_ALPN`].
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.loaded().server)
    }

    /// The handshake of the end that dials. Sets no time limit.
    pub(crate) async fn connect<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: IO,
        cluster: &str,
        peer: &NodeId,
    ) -> io::Result<(client::TlsStream<IO>, ChannelSecurity)> {
        let Inner {
            files, environment, ..
        } = &*self.inner;
        let config = self.loaded().client(environment, cluster, peer);
        let config = config.map_err(|source| PemError::Unusable {
            path: files.certificate.clone(),
            what: "certificate",
            source,
        });
        let connector = TlsConnector::from(Arc::new(config.map_err(io::Error::other)?));
        // The name in the certificate is that of the node, not that of its host.
        let nobody = ServerName::from(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let stream = connector.connect(nobody, io).await?;
        let security = security_of_client(stream.get_ref().1).map_err(io::Error::other)?;
        Ok((stream, security))
    }

    /// The handshake of the end that is dialled. Sets no time limit.
    pub(crate) async fn accept<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: IO,
    ) -> io::Result<(server::TlsStream<IO>, TlsPeer)> {
        let acceptor = TlsAcceptor::from(self.server_config());
        let stream = acceptor.accept(io).await?;
        let peer = TlsPeer::of(stream.get_ref().1).map_err(io::Error::other)?;
        Ok((stream, peer))
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Arc<Loaded>> {
        let current = self.inner.current.lock();
        current.unwrap_or_else(PoisonError::into_inner)
    }

    fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.slot())
    }
}

impl PartialEq for NodeTls {
    /// Whether the two are clones of each other.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for NodeTls {}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Loaded {
    fn read(files: &NodeTlsFiles, environment: &Environment) -> Result<Self, PemError> {
        let disk = environment.disk().as_ref();
        let identity = read_identity(disk, &files.certificate, &files.key)?;
        let authorities = read_authorities(disk, &files.authorities)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(authorities.clone(), provider());
        let verifier = match files.certificate_required {
            true => verifier,
            false => verifier.allow_unauthenticated(),
        };
        let unusable = |what, path: &PathBuf, reason: String| PemError::Unusable {
            path: path.clone(),
            what,
            source: rustls::Error::General(reason),
        };
        let verifier = verifier.build().map_err(|error| {
            let what = "certificate of an authority";
            unusable(what, &files.authorities, error.to_string())
        })?;
        let clock = Arc::new(WallClock::new(environment.clone()));
        let server = ServerConfig::builder_with_details(provider(), clock)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| unusable("certificate", &files.certificate, error.to_string()))?;
        let mut server = server
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&identity))));
        server.alpn_protocols = vec![NODE_ALPN.to_vec()];
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self {
            identity,
            authorities,
            server: Arc::new(server),
        })
    }

    fn client(
        &self,
        environment: &Environment,
        cluster: &str,
        peer: &NodeId,
    ) -> Result<ClientConfig, rustls::Error> {
        let provider = provider();
        let verifier = OneNode {
            expected: certificate_name(cluster, peer),
            authorities: Arc::clone(&self.authorities),
            algorithms: provider.signature_verification_algorithms,
        };
        let clock = Arc::new(WallClock::new(environment.clone()));
        let mut config = ClientConfig::builder_with_details(provider, clock)
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(
                &self.identity,
            ))));
        config.alpn_protocols = vec![NODE_ALPN.to_vec()];
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}
