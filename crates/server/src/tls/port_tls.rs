//! What the port speaks TLS with.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use raftwire_environment::{Environment, TcpStream};
use raftwire_transport::tls::{PemError, WallClock, read_identity};
use raftwire_transport_ws::tls::{NODE_ALPN, NodeTls, RefusalLog, TlsPeer, tls_failure};
use rustls::ServerConfig;
use rustls::server::{Acceptor, ClientHello, NoServerSessionStorage};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

use crate::config::TlsOptions;

/// What the port speaks TLS with. Cheap to clone; clones share what is loaded.
#[derive(Clone, Debug)]
pub(crate) struct PortTls {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    environment: Environment,
    certificate: PathBuf,
    key: PathBuf,
    clients: Mutex<Shown>,
    nodes: Option<NodeTls>,
    refusals: RefusalLog,
}

/// What clients are shown.
#[derive(Clone, Debug)]
struct Shown {
    identity: Arc<CertifiedKey>,
    config: Arc<ServerConfig>,
}

impl PortTls {
    /// Reads the files; `None` where none are named. Blocks.
    pub(crate) fn load(
        options: &TlsOptions,
        environment: &Environment,
    ) -> Result<Option<PortTls>, PemError> {
        let (Some(certificate), Some(key)) = (&options.certificate, &options.key) else {
            return Ok(None);
        };
        let nodes = options.node_files();
        let nodes = nodes.map(|files| NodeTls::load(files, environment));
        let inner = Inner {
            clients: Mutex::new(Shown::read(certificate, key, environment)?),
            environment: environment.clone(),
            certificate: certificate.clone(),
            key: key.clone(),
            nodes: nodes.transpose()?,
            refusals: RefusalLog::default(),
        };
        Ok(Some(PortTls {
            inner: Arc::new(inner),
        }))
    }

    /// Reads the files again, for the connections to come; whether they have changed. Blocks.
    pub(crate) fn reload(&self) -> Result<bool, PemError> {
        let Inner {
            environment,
            certificate,
            key,
            nodes,
            ..
        } = &*self.inner;
        let shown = Shown::read(certificate, key, environment)?;
        let of_nodes = match nodes {
            Some(nodes) => nodes.reload()?,
            None => false,
        };
        let same = shown.identity.cert == self.shown().identity.cert;
        if !same {
            *self.slot() = shown;
        }
        Ok(of_nodes || !same)
    }

    /// What nodes speak TLS with.
    pub(crate) fn nodes(&self) -> Option<&NodeTls> {
        self.inner.nodes.as_ref()
    }

    /// The handshake. Sets no time limit.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, TlsPeer)> {
        let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let is_node = offers(&begun.client_hello(), NODE_ALPN);
        let config = match &self.inner.nodes {
            Some(nodes) if is_node => nodes.server_config(),
            Some(_) | None => self.shown().config,
        };
        let stream = begun.into_stream(config).await;
        let stream = stream.inspect_err(|error| {
            if is_node {
                self.log_refusal(&tls_failure(error));
            }
        })?;
        let peer = TlsPeer::of(stream.get_ref().1).map_err(io::Error::other)?;
        Ok((stream, peer))
    }

    /// Logs that a node was refused, each reason once in a while.
    pub(crate) fn log_refusal(&self, reason: &str) {
        let now = self.inner.environment.now();
        if self.inner.refusals.is_news(reason, now) {
            warn!(reason, "refused a node; each reason is said once a minute");
        } else {
            debug!(reason, "refused a node");
        }
    }

    #[cfg(test)]
    pub(super) fn certificate_of_clients(&self) -> Vec<u8> {
        self.shown().identity.cert[0].to_vec()
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Shown> {
        let clients = self.inner.clients.lock();
        clients.unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> Shown {
        self.slot().clone()
    }
}

fn offers(hello: &ClientHello<'_>, wanted: &[u8]) -> bool {
    let mut offered = hello.alpn().into_iter().flatten();
    offered.any(|protocol| protocol == wanted)
}

impl Shown {
    fn read(certificate: &Path, key: &Path, environment: &Environment) -> Result<Shown, PemError> {
        let identity = read_identity(environment.disk().as_ref(), certificate, key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clock = Arc::new(WallClock::new(environment.clone()));
        let resolver = SingleCertAndKey::from(Arc::clone(&identity));
        let builder = ServerConfig::builder_with_details(provider, clock);
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.map_err(|source| PemError::Unusable {
            path: certificate.to_owned(),
            what: "certificate",
            source,
        })?;
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Tickets to resume sessions would be kept in memory, for a moment saved on reconnecting.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Shown {
            identity,
            config: Arc::new(config),
        })
    }
}
