//! An accepted socket, with or without TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use raftwire_environment::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

/// An accepted socket, with or without TLS.
#[derive(Debug)]
pub(crate) enum PortStream {
    Plain(TcpStream),
    /// In a box: it is some 1 kB, which a client without TLS should not pay for.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Calls the same method on whichever it is.
macro_rules! on_stream {
    ($self:expr, $bound:ident => $call:expr) => {
        match $self.get_mut() {
            PortStream::Plain(stream) => {
                let $bound = Pin::new(stream);
                $call
            }
            PortStream::Tls(stream) => {
                let $bound = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for PortStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for PortStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            PortStream::Plain(stream) => stream.is_write_vectored(),
            PortStream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_shutdown(context))
    }
}
