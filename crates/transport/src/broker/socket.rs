use std::io;
use std::sync::Arc;

use raftwire_environment::{Environment, TcpStream};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::HostPort;

/// A connection to a broker, with TLS or without.
pub trait BrokerSocket: AsyncRead + AsyncWrite + Unpin + Send {}

impl BrokerSocket for TcpStream {}
impl BrokerSocket for TlsStream<TcpStream> {}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The server does not take connections.
    #[error("cannot connect to {at}: {source}")]
    Connect {
        /// Its address.
        at: String,
        /// What the system said.
        source: io::Error,
    },
    /// It takes connections, but none with TLS that are to be trusted.
    #[error("no TLS with {at}: {source}")]
    Tls {
        /// Its address.
        at: String,
        /// What is wrong with its certificate, or its TLS.
        source: io::Error,
    },
}

/// Connects to a server. With `tls`, its certificate has to be that of `tls_host`, or of the host
/// that was connected to. Sets no time limit.
///
/// # Errors
///
/// See [`ConnectError`].
pub async fn connect(
    environment: &Environment,
    server: &HostPort,
    tls: Option<&Arc<ClientConfig>>,
    tls_host: Option<&str>,
) -> Result<Box<dyn BrokerSocket>, ConnectError> {
    let at = server.to_string();
    let connected = environment.connect(&server.host, server.port).await;
    let socket = connected.map_err(|source| ConnectError::Connect {
        at: at.clone(),
        source,
    })?;
    let Some(config) = tls else {
        return Ok(Box::new(socket));
    };
    let name = tls_host.unwrap_or(&server.host);
    let secured = async {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::clone(config));
        connector.connect(name, socket).await
    };
    match secured.await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(source) => Err(ConnectError::Tls { at, source }),
    }
}
