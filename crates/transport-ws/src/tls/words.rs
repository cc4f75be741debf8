use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// What a failed handshake, or a connection that ended with an alert, means for whoever has to
/// mend it. Errors that are not those of TLS stay as they are.
pub fn tls_failure(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(Error::AlertReceived(alert)) => refused_by_peer(*alert),
        Some(Error::InvalidCertificate(reason)) => refused_here(reason),
        Some(Error::NoCertificatesPresented) => {
            "the peer showed no certificate, and this node requires one of its peers".to_owned()
        }
        Some(Error::InvalidMessage(_)) => {
            format!("the peer does not speak TLS here ({error})")
        }
        Some(Error::NoApplicationProtocol) => {
            "the peer offers no protocol that is spoken here (ALPN)".to_owned()
        }
        _ => error.to_string(),
    }
}

/// This end does not take the peer's certificate.
fn refused_here(reason: &CertificateError) -> String {
    let text = match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet; are the clocks right?"
        }
        CertificateError::UnknownIssuer => {
            "is signed by no authority that this node trusts (its CA bundle)"
        }
        CertificateError::BadSignature => {
            "is signed by no authority that this node trusts (its CA bundle), though by one of the \
             same name"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not for this use: a node's needs extendedKeyUsage=serverAuth,clientAuth"
        }
        CertificateError::Other(refused) => {
            return format!("the peer's certificate is refused: {refused}");
        }
        _ => return format!("the peer's certificate is refused: {reason}"),
    };
    format!("the peer's certificate {text}")
}

/// The peer does not take this end's certificate, or nothing of this end.
fn refused_by_peer(alert: AlertDescription) -> String {
    let text = match alert {
        AlertDescription::CertificateExpired => {
            "this node's certificate has expired, or is not valid yet"
        }
        AlertDescription::UnknownCA => {
            "this node's certificate is signed by no authority that the peer trusts"
        }
        AlertDescription::CertificateRequired => {
            "it requires a certificate, and this node showed none"
        }
        AlertDescription::DecryptError => {
            "this node's certificate is signed by no authority that the peer trusts, though by one \
             of the same name"
        }
        AlertDescription::UnsupportedCertificate => {
            "this node's certificate is not for this use: it needs \
             extendedKeyUsage=serverAuth,clientAuth"
        }
        AlertDescription::CertificateUnknown => {
            "this node's certificate does not name the node that the peer meant to reach"
        }
        AlertDescription::NoApplicationProtocol => {
            "it does not speak the cluster's protocol (ALPN)"
        }
        AlertDescription::ProtocolVersion => "the two have no version of TLS in common",
        _ => return format!("the peer refused the TLS handshake: {alert:?}"),
    };
    format!("the peer refused the TLS handshake: {text} ({alert:?})")
}
