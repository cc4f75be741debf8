//! TLS between the nodes: who a certificate names, and what a handshake has shown.

mod certificate;
mod node_tls;
mod peer;
mod pem_files;
mod refusals;
mod time;
mod verifier;
mod words;

pub use certificate::{CertificateRefused, certificate_name, check_node_certificate};
pub use node_tls::{NODE_ALPN, NodeTls, NodeTlsFiles};
pub use peer::TlsPeer;
pub use pem_files::{PemError, read_authorities, read_identity};
pub use refusals::RefusalLog;
pub use time::WallClock;
pub use words::tls_failure;
