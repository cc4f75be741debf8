use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response, StatusCode};
use raftwire_transport::ChannelSecurity;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::accept::other_lane;
use crate::upgrade::{refusal, upgrade_response};
use crate::{AcceptUpgradedError, PeerRequest, WsClusterTransport};

/// Hands streams that the application's own web server has upgraded to the transport.
///
/// It exists before the transport does: the application gets it from
/// [`WsClusterTransportFactory::acceptor`](crate::WsClusterTransportFactory::acceptor), builds its
/// web server around it, and passes the factory on. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct WsAcceptor {
    /// The transport that the factory made last.
    transport: Arc<Mutex<Option<WsClusterTransport>>>,
}

impl WsAcceptor {
    pub(crate) fn set(&self, transport: WsClusterTransport) {
        *self.slot() = Some(transport);
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<WsClusterTransport>> {
        self.transport
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What to answer to the upgrade request of a peer, and who asks, if the answer is 101: hand
    /// the upgraded stream to [`accept_upgraded`](Self::accept_upgraded) then. The path is the
    /// application's to check.
    pub fn answer<B>(&self, request: &Request<B>) -> (Response<String>, Option<PeerRequest>) {
        let response = match upgrade_response(request) {
            Ok(response) => response.map(|()| String::new()),
            Err(error) => return (error.response(), None),
        };
        let Some(lanes) = self.slot().as_ref().map(WsClusterTransport::lanes) else {
            let text = AcceptUpgradedError::NotRunning.to_string();
            return (refusal(StatusCode::SERVICE_UNAVAILABLE, text), None);
        };
        match PeerRequest::from_uri(request.uri()) {
            Ok(peer) if !lanes.contains(peer.lane) => {
                (refusal(StatusCode::CONFLICT, other_lane(&peer.lane)), None)
            }
            Ok(peer) => (response, Some(peer)),
            Err(error) => (refusal(StatusCode::BAD_REQUEST, error.to_string()), None),
        }
    }

    /// Takes a stream over as the server's end of a WebSocket connection; the
    /// [`answer`](Self::answer) to the upgrade request has been sent. The
    /// connection's task runs on the runtime of the caller.
    ///
    /// `security` is what the application knows about the way to the peer; a stream that a proxy
    /// on this machine passed on is [`ChannelSecurity::Untrusted`]. Where nodes speak TLS, the
    /// application has ended the TLS of this stream, and checks its certificate before it answers:
    /// [`TlsPeer::of`](crate::tls::TlsPeer::of), then
    /// [`NodeTls::check_peer`](crate::tls::NodeTls::check_peer).
    ///
    /// # Errors
    ///
    /// See [`AcceptUpgradedError`]; the stream is closed then.
    pub fn accept_upgraded<IO>(
        &self,
        io: IO,
        request: PeerRequest,
        security: ChannelSecurity,
    ) -> Result<(), AcceptUpgradedError>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let transport = self.slot().clone();
        let transport = transport.ok_or(AcceptUpgradedError::NotRunning)?;
        transport.accept_upgraded(io, request, security)
    }
}
