//! Why a node did not start.

use std::io;

use raftwire::Lane;
use raftwire_transport::tls::PemError;

use crate::authentication::InvalidWebhook;
use crate::config::{Conflict, NotClosed, TlsConflict};

/// Why a node did not start. Nothing runs after it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Strangers could join.
    #[error(transparent)]
    NotClosed(#[from] NotClosed),
    /// Settings do not fit together.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Keys of TLS do not fit together.
    #[error(transparent)]
    TlsConflict(#[from] TlsConflict),
    /// A certificate or key cannot be used.
    #[error("TLS: {0}")]
    Certificate(#[from] PemError),
    /// The task that reads them has ended.
    #[error("the certificates were not read: {0}")]
    CertificatesNotRead(#[from] tokio::task::JoinError),
    /// The transport is not known, or its broker is not given.
    #[error(
        "\"{transport}\" is to carry the {lane} lane: not known, or its connection string is missing \
         ({transport}_connection_string)"
    )]
    NoTransport {
        /// For what.
        lane: Lane,
        /// What was asked for.
        transport: String,
    },
    /// The port cannot be had.
    #[error("cannot listen on {address}: {source}{}", way_out(source.kind()))]
    Listen {
        /// Host and port.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The application cannot be asked who clients are.
    #[error(transparent)]
    Webhook(#[from] InvalidWebhook),
    /// The node itself.
    #[error(transparent)]
    Node(#[from] raftwire::StartError),
}

/// What to do about a port that cannot be had, in words that follow the system's.
fn way_out(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => {
            ". Another program, or another node, has this port: stop it, or set another node_port \
             (or listen_address)"
        }
        io::ErrorKind::PermissionDenied => {
            ". The system gives this port to none but privileged programs: set a node_port of 1024 \
             or above, or give the program the right to it (CAP_NET_BIND_SERVICE on Linux)"
        }
        io::ErrorKind::AddrNotAvailable => {
            ". This machine has no such address: set listen_address to one that it has, or to \
             0.0.0.0 for all of them"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_cannot_be_had_names_the_keys_to_change() {
        let said = |kind: io::ErrorKind| {
            let address = "127.0.0.1:80".to_owned();
            let source = kind.into();
            ServeError::Listen { address, source }.to_string()
        };

        for (kind, key) in [
            (io::ErrorKind::AddrInUse, "another node_port"),
            (io::ErrorKind::PermissionDenied, "node_port of 1024"),
            (io::ErrorKind::AddrNotAvailable, "listen_address"),
        ] {
            let said = said(kind);
            assert!(
                said.starts_with("cannot listen on 127.0.0.1:80: "),
                "{said}"
            );
            assert!(said.contains(key), "{said}");
        }
        assert_eq!(
            said(io::ErrorKind::OutOfMemory),
            "cannot listen on 127.0.0.1:80: out of memory"
        );
    }
}
