use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use raftwire_websocket::{ClientHandshake, ClientHandshakeError, Encoder, MaskKeys};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::connection::Connection;
use crate::machine::{connect, fill_random, random_u64, source_address};
use crate::{Address, ResolveError};

/// How long a server may take for an opening handshake: it has others to do.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
/// Bytes of a server's refusal that are told.
const REFUSAL_BYTES_MAX: usize = 400;

/// A server that can be asked for a WebSocket.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    address: Address,
    socket_address: SocketAddr,
    source: Option<IpAddr>,
    protocol: Option<&'static str>,
}

/// A WebSocket that did not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("{address} cannot be reached: {error}{}", advice(error))]
    Connect { address: String, error: io::Error },
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
    ) -> Result<Door, ResolveError> {
        Ok(Door {
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
    ) -> Result<Door, ResolveError> {
        let source = source_address(address.resolve()?);
        Door::new(address, source, protocol)
    }

    /// Opens a connection, and whatever of its messages has come with the handshake's answer.
    pub(crate) async fn open(&self) -> Result<(Connection, Vec<u8>), OpenError> {
        let connecting = connect(self.socket_address, self.source).await;
        let mut stream = connecting.map_err(|error| OpenError::Connect {
            address: self.address.to_string(),
            error,
        })?;
        let Some(path) = self.address.path() else {
            return Ok((Connection::new(stream, Encoder::server()), Vec::new()));
        };
        let shaking = self.shake_hands(&mut stream, path);
        let rest = match tokio::time::timeout(HANDSHAKE_MAX, shaking).await {
            Ok(shaken) => shaken?,
            Err(_) => {
                let address = self.address.to_string();
                return Err(OpenError::Silence { address });
            }
        };
        let encoder = Encoder::client(MaskKeys::new(random_u64()));
        Ok((Connection::new(stream, encoder), rest))
    }

    async fn shake_hands(&self, stream: &mut TcpStream, path: &str) -> Result<Vec<u8>, OpenError> {
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
