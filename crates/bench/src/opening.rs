use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use raftwire_websocket::{ClientHandshake, ClientHandshakeError, Encoder, MaskKeys};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::connection::Connection;
use crate::machine::{connect, fill_random, random_u64, source_address};
use crate::stream::Stream;
use crate::{Address, BenchError, Trust};

/// How long a server may take for an opening handshake: it has others to do.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
/// Bytes of a server's refusal that are told.
const REFUSAL_BYTES_MAX: usize = 400;

/// A server that can be asked for a WebSocket.
#[derive(Clone)]
pub(crate) struct Door {
    address: Address,
    socket_address: SocketAddr,
    source: Option<IpAddr>,
    protocol: Option<&'static str>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// A WebSocket that did not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("{address} cannot be reached: {error}{}", advice(error))]
    Connect { address: String, error: io::Error },
    #[error("{address}: TLS: {error}")]
    Tls { address: String, error: io::Error },
    #[error("{address} ended the connection during the opening handshake: {error}")]
    Stream { address: String, error: io::Error },
    #[error("{address} has not answered the opening handshake within {} s", HANDSHAKE_MAX.as_secs())]
    Silence { address: String },
    #[error("{address} refuses: {status} {said}{}", refusal_advice(*status))]
    Refused {
        address: String,
        status: u16,
        said: String,
    },
    #[error("{address}: {error}")]
    Handshake {
        address: String,
        error: ClientHandshakeError,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "; nobody listens there",
        io::ErrorKind::AddrNotAvailable => {
            "; all ports of this source address are taken: wait a minute, or use fewer connections"
        }
        _ => "",
    }
}

fn refusal_advice(status: u16) -> &'static str {
    match status {
        400 => "; a node's /ws wants the subprotocol raftwire.v1, other servers may not know it",
        401 | 403 => "; the server lets in whom it knows: name one in the query of the address",
        404 => "; is the path right? A node has /ws, and /echo where client.echo is true",
        409 => "; a name is taken: client.name_policy is refuse",
        _ => "",
    }
}

impl Door {
    fn new(
        address: &Address,
        source: Option<IpAddr>,
        protocol: Option<&'static str>,
        trust: Option<&Trust>,
    ) -> Result<Door, BenchError> {
        let tls = match (address.is_tls(), trust) {
            (false, _) => None,
            (true, Some(trust)) => {
                let name = ServerName::try_from(address.host().to_owned());
                let name = name.map_err(|_| BenchError::ServerName(address.to_string()))?;
                Some((TlsConnector::from(trust.config()), name))
            }
            (true, None) => return Err(BenchError::NoAuthorities(address.to_string())),
        };
        Ok(Door {
            tls,
            socket_address: address.resolve()?,
            address: address.clone(),
            source,
            protocol,
        })
    }

    /// The same from a source address that is drawn, where the server is on this machine.
    pub(crate) fn drawn(
        address: &Address,
        protocol: Option<&'static str>,
        trust: Option<&Trust>,
    ) -> Result<Door, BenchError> {
        let source = source_address(address.resolve()?);
        Door::new(address, source, protocol, trust)
    }

    /// Whether there is no handshake.
    pub(crate) fn is_bare(&self) -> bool {
        self.address.is_bare()
    }

    /// Opens a connection: it, and whatever of its messages has come with the handshake's answer.
    pub(crate) async fn open(&self) -> Result<(Connection, Vec<u8>), OpenError> {
        self.open_as(None).await
    }

    /// The same for a client that asks to be called so.
    pub(crate) async fn open_as(
        &self,
        name: Option<&str>,
    ) -> Result<(Connection, Vec<u8>), OpenError> {
        let connecting = connect(self.socket_address, self.source).await;
        let tcp = connecting.map_err(|error| OpenError::Connect {
            address: self.address.to_string(),
            error,
        })?;
        let Some(path) = self.address.path_as(name) else {
            let stream = Stream::Plain(tcp);
            return Ok((Connection::new(stream, Encoder::server()), Vec::new()));
        };
        let shaking = async {
            let mut stream = self.encrypt(tcp).await?;
            let rest = self.shake_hands(&mut stream, &path).await?;
            Ok((stream, rest))
        };
        let (stream, rest) = match tokio::time::timeout(HANDSHAKE_MAX, shaking).await {
            Ok(shaken) => shaken?,
            Err(_) => {
                let address = self.address.to_string();
                return Err(OpenError::Silence { address });
            }
        };
        let encoder = Encoder::client(MaskKeys::new(random_u64()));
        Ok((Connection::new(stream, encoder), rest))
    }

    async fn encrypt(&self, tcp: TcpStream) -> Result<Stream, OpenError> {
        let Some((connector, name)) = &self.tls else {
            return Ok(Stream::Plain(tcp));
        };
        let encrypted = connector.connect(name.clone(), tcp).await;
        let tls = encrypted.map_err(|error| OpenError::Tls {
            address: self.address.to_string(),
            error,
        })?;
        Ok(Stream::Tls(Box::new(tls)))
    }

    async fn shake_hands(&self, stream: &mut Stream, path: &str) -> Result<Vec<u8>, OpenError> {
        let broken = |error| OpenError::Stream {
            address: self.address.to_string(),
            error,
        };
        let mut key = [0; 16];
        fill_random(&mut key);
        let handshake = match self.protocol {
            Some(protocol) => ClientHandshake::new(key, protocol),
            None => ClientHandshake::without_protocol(key),
        };
        let request = handshake.request(&self.address.authority(), path);
        stream.write_all(request.as_bytes()).await.map_err(broken)?;
        stream.flush().await.map_err(broken)?;
        let mut answer = Vec::with_capacity(512);
        loop {
            if stream.read_buf(&mut answer).await.map_err(broken)? == 0 {
                return Err(broken(io::ErrorKind::UnexpectedEof.into()));
            }
            match handshake.read_answer(&answer) {
                Ok(Some(len)) => return Ok(answer.split_off(len)),
                Ok(None) => {}
                Err(ClientHandshakeError::Refused { status }) => {
                    return Err(OpenError::Refused {
                        address: self.address.to_string(),
                        status,
                        said: body_of(&answer),
                    });
                }
                Err(error) => {
                    return Err(OpenError::Handshake {
                        address: self.address.to_string(),
                        error,
                    });
                }
            }
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Door");
        debug.field("address", &self.address.to_string());
        debug.field("source", &self.source).finish_non_exhaustive()
    }
}

/// What a refusal says, as far as it has come with its head.
fn body_of(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let end = body.floor_char_boundary(REFUSAL_BYTES_MAX);
    let printable = body[..end].chars().filter(|char| !char.is_control());
    printable.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_without_what_a_terminal_would_obey() {
        let answer = b"HTTP/1.1 404 Not Found\r\nX: y\r\n\r\nno \x1b[31msuch\npath";
        assert_eq!(body_of(answer), "no [31msuchpath");
        assert_eq!(body_of(b"HTTP/1.1 404 Not Found\r\n"), "");
    }
}
