//! TLS on the node's one port: for clients and for nodes, which offer another protocol in their
//! handshake and are shown, and asked for, another certificate.

mod port_tls;
mod renewal;
mod stream;

pub(crate) use port_tls::PortTls;
pub(crate) use renewal::keep_current;
pub(crate) use stream::PortStream;
