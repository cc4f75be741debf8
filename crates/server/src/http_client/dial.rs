//! The way to a node: a socket, with TLS on it or without.

use std::sync::Arc;

use raftwire_environment::TcpStream;
use raftwire_transport_ws::tls::tls_failure;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{HttpClient, RequestError};

/// The port where the URL names none.
const PORT_DEFAULT: u16 = 80;
/// The same over TLS.
const PORT_DEFAULT_TLS: u16 = 443;

/// A connection to a node, with TLS or without.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for IO {}

/// The same, whichever it is.
pub(crate) type AnyStream = Box<dyn ByteStream>;

impl HttpClient {
    pub(super) async fn connect(&self) -> Result<TcpStream, RequestError> {
        let port = match self.tls {
            None => PORT_DEFAULT,
            Some(_) => PORT_DEFAULT_TLS,
        };
        let port = self.authority.port_u16().unwrap_or(port);
        let connected = self.environment.connect(self.authority.host(), port).await;
        connected.map_err(|source| RequestError::Unreachable {
            address: self.authority.to_string(),
            source,
        })
    }

    pub(super) async fn protect(
        &self,
        stream: TcpStream,
        config: Arc<ClientConfig>,
    ) -> Result<TlsStream<TcpStream>, RequestError> {
        let failed = |reason| RequestError::Tls {
            address: self.authority.to_string(),
            reason,
        };
        let host = self.authority.host();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let host = ServerName::try_from(host).map_err(|error| failed(error.to_string()))?;
        let connected = TlsConnector::from(config).connect(host, stream).await;
        connected.map_err(|error| {
            let address = self.authority.to_string();
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
            match inner {
                Some(rustls::Error::InvalidMessage(_)) => RequestError::NoTls { address },
                // By none of this name, or by a namesake of one of them, which has another key.
                Some(rustls::Error::InvalidCertificate(
                    CertificateError::UnknownIssuer | CertificateError::BadSignature,
                )) => RequestError::UnknownAuthority { address },
                _ => failed(tls_failure(&error)),
            }
        })
    }
}
