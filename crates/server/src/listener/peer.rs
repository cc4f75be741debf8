//! The other end of one accepted socket.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use raftwire_transport::ChannelSecurity;
use raftwire_transport_ws::tls::TlsPeer;

use crate::http::Upgrade;

/// The other end of one accepted socket, and what the socket is to become.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// What its TLS handshake has shown; `None`: the socket is in the clear.
    pub(crate) tls: Option<TlsPeer>,
    upgrade: Arc<Mutex<Option<Upgrade>>>,
}

impl Peer {
    pub(super) fn new(address: SocketAddr, tls: Option<TlsPeer>) -> Peer {
        Peer {
            address,
            tls,
            upgrade: Arc::default(),
        }
    }

    /// After the answer has been sent, the connection goes on as this.
    pub(crate) fn upgrade_to(&self, upgrade: Upgrade) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
    }

    pub(super) fn take_upgrade(&self) -> Option<Upgrade> {
        self.upgrade
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// How far the wire itself is to be trusted.
    pub(super) fn security(&self) -> ChannelSecurity {
        if let Some(tls) = &self.tls {
            return tls.security();
        }
        if self.address.ip().to_canonical().is_loopback() {
            return ChannelSecurity::Loopback;
        }
        ChannelSecurity::Untrusted
    }
}
