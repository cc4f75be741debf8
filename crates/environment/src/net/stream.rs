//! A TCP connection.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A TCP connection with `TCP_NODELAY` set; made by [`Environment::connect`] or
/// [`TcpListener::accept`].
///
/// [`Environment::connect`]: crate::Environment::connect
/// [`TcpListener::accept`]: crate::TcpListener::accept
#[derive(Debug)]
pub struct TcpStream {
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Real(tokio::net::TcpStream),
    #[cfg(feature = "simulation")]
    Simulated(turmoil::net::TcpStream),
}

/// Calls the same method on whichever socket it is.
macro_rules! on_socket {
    ($socket:expr, $bound:ident => $call:expr) => {
        match $socket {
            Socket::Real($bound) => $call,
            #[cfg(feature = "simulation")]
            Socket::Simulated($bound) => $call,
        }
    };
}

impl TcpStream {
    /// Takes a connected socket over.
    ///
    /// # Errors
    /// If `TCP_NODELAY` cannot be set: the connection is gone already.
    pub(crate) fn real(socket: tokio::net::TcpStream) -> io::Result<TcpStream> {
        socket.set_nodelay(true)?;
        Ok(TcpStream {
            socket: Socket::Real(socket),
        })
    }

    #[cfg(feature = "simulation")]
    pub(crate) fn simulated(socket: turmoil::net::TcpStream) -> TcpStream {
        TcpStream {
            socket: Socket::Simulated(socket),
        }
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        on_socket!(&self.socket, socket => socket.peer_addr())
    }

    /// The address of this end.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        on_socket!(&self.socket, socket => socket.local_addr())
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_socket!(&mut self.socket, socket => Pin::new(socket).poll_read(context, buffer))
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_socket!(&mut self.socket, socket => Pin::new(socket).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_socket!(&mut self.socket, socket => {
            Pin::new(socket).poll_write_vectored(context, slices)
        })
    }

    fn is_write_vectored(&self) -> bool {
        on_socket!(&self.socket, socket => socket.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_socket!(&mut self.socket, socket => Pin::new(socket).poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_socket!(&mut self.socket, socket => Pin::new(socket).poll_shutdown(context))
    }
}
