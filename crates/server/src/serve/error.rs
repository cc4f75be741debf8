//! Why a node did not start.

use std::io;

use raftwire::Lane;
use raftwire_transport_ws::tls::PemError;

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
    #[error("cannot listen on {address}: {source}")]
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
