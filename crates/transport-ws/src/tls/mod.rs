//! TLS between the nodes: who a certificate names, and what a handshake has shown.

mod certificate;
mod node_tls;
mod peer;
mod refusals;
mod verifier;
mod words;

pub use certificate::{CertificateRefused, certificate_name, check_node_certificate};
pub use node_tls::{NODE_ALPN, NodeTls, NodeTlsFiles};
pub use peer::TlsPeer;
pub use refusals::RefusalLog;
pub use words::tls_failure;
