//! A TCP socket that accepts connections.

use std::{io, net::SocketAddr};

use crate::TcpStream;

/// A listening TCP socket; made by [`Environment::bind`].
///
/// [`Environment::bind`]: crate::Environment::bind
pub struct TcpListener {
    socket: Socket,
}

enum Socket {
    Real(tokio::net::TcpListener),
    #[cfg(feature = "simulation")]
    Simulated {
        socket: turmoil::net::TcpListener,
        local: SocketAddr,
    },
}

impl TcpListener {
    pub(crate) fn real(socket: tokio::net::TcpListener) -> TcpListener {
        TcpListener {
            socket: Socket::Real(socket),
        }
    }

    #[cfg(feature = "simulation")]
    pub(crate) fn simulated(socket: turmoil::net::TcpListener) -> io::Result<TcpListener> {
        let local = socket.local_addr()?;
        Ok(TcpListener {
            socket: Socket::Simulated { socket, local },
        })
    }

    /// Waits for the next connection, and gives it with the address that it came from.
    ///
    /// # Errors
    /// Every error is transient, and the listener stays usable: either the one connection was gone
    /// before it was taken (`ECONNABORTED`, `EPROTO`, and the network errors that `accept(2)` says
    /// to treat alike), or the process or the machine is short of descriptors or memory (`EMFILE`,
    /// `ENFILE`, `ENOBUFS`, `ENOMEM`). The second kind comes back at once for as long as the
    /// shortage lasts, so an accept loop goes on after every error, and only after a pause.
    ///
    /// # Cancel safety
    /// Dropping the future loses no connection.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match &self.socket {
            Socket::Real(socket) => {
                let (stream, peer) = socket.accept().await?;
                Ok((TcpStream::real(stream)?, peer))
            }
            #[cfg(feature = "simulation")]
            Socket::Simulated { socket, .. } => {
                let (stream, peer) = socket.accept().await?;
                Ok((TcpStream::simulated(stream), peer))
            }
        }
    }

    /// The address listened on, with the port that the system chose if 0 was asked for.
    ///
    /// # Errors
    /// If the operating system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            Socket::Real(socket) => socket.local_addr(),
            #[cfg(feature = "simulation")]
            Socket::Simulated { local, .. } => Ok(*local),
        }
    }
}

impl std::fmt::Debug for TcpListener {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TcpListener")
            .field("local", &self.local_addr().ok())
            .finish_non_exhaustive()
    }
}
