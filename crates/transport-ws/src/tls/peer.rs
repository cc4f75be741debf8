use std::fmt;

use raftwire_transport::ChannelSecurity;
use rustls::ServerConnection;
use rustls::pki_types::CertificateDer;

/// Label of the keying material that binds what is said inside a TLS session to it (RFC 9266).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// What the TLS handshake of an accepted connection has shown of the other end.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsPeer {
    exporter: [u8; 32],
    pub(super) certificate: Option<CertificateDer<'static>>,
}

impl TlsPeer {
    /// Reads it from a connection whose handshake has completed; its certificate was verified by
    /// then, if it has one.
    ///
    /// # Errors
    ///
    /// If the handshake has not completed.
    pub fn of(connection: &ServerConnection) -> Result<Self, rustls::Error> {
        let exporter = connection.export_keying_material([0; 32], EXPORTER_LABEL, None)?;
        let chain = connection.peer_certificates().unwrap_or_default();
        Ok(Self {
            exporter,
            certificate: chain.first().map(|it| it.clone().into_owned()),
        })
    }

    /// What protects the connection.
    pub const fn security(&self) -> ChannelSecurity {
        ChannelSecurity::Tls {
            exporter: self.exporter,
        }
    }
}

impl fmt::Debug for TlsPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The exporter is keying material, so it stays out of logs.
        f.debug_struct("TlsPeer")
            .field("has_certificate", &self.certificate.is_some())
            .finish_non_exhaustive()
    }
}

/// What protects a connection that this end opened.
pub(super) fn security_of_client(
    connection: &rustls::ClientConnection,
) -> Result<ChannelSecurity, rustls::Error> {
    let exporter = connection.export_keying_material([0; 32], EXPORTER_LABEL, None)?;
    Ok(ChannelSecurity::Tls { exporter })
}
