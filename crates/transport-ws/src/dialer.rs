use std::fmt;
use std::io;
use std::time::Duration;

use http::Uri;
use raftwire_protocol::{Endpoint, Lane, NodeId, Scheme};
use raftwire_transport::{BackOff, Initiator};
use tokio::sync::watch;

use crate::PeerRequest;
use crate::channel_task::{ChannelEnd, NewChannel, run, security_of};
use crate::context::Context;
use crate::peer_book::Places;
use crate::registry::SUPERSEDED;
use crate::socket::{ClientError, Socket};
use crate::tls::tls_failure;
use crate::watched_io::{AnyIo, WatchedIo};

/// A channel that lived for as long was a success, and the next pause is a short one again.
const STEADY_AFTER: Duration = Duration::from_secs(5);

/// Keeps one lane to one peer connected: dials, runs the channel, and dials again, for as long as the
/// peer is one.
pub(crate) struct Dialer {
    context: Context,
    peer: NodeId,
    /// Where the peer may be; closed when it is to be dialled no more.
    places: watch::Receiver<Places>,
    /// How many attempts have failed since a place was as it should be: another place each time.
    failures: usize,
    lane: Lane,
    back_off: BackOff,
    /// What was logged last, so that it is logged once.
    outlook: Outlook,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outlook {
    Unknown,
    Good,
    Bad,
}

impl Dialer {
    pub(crate) fn new(
        context: Context,
        peer: NodeId,
        places: watch::Receiver<Places>,
        lane: Lane,
    ) -> Self {
        let options = context.options();
        let back_off = BackOff::new(options.back_off_min, options.back_off_max);
        Self {
            context,
            peer,
            places,
            failures: 0,
            lane,
            back_off,
            outlook: Outlook::Unknown,
        }
    }

    /// Runs until the transport stops, or the peer is forgotten.
    pub(crate) async fn run(mut self) {
        let context = self.context.clone();
        let mut places = self.places.clone();
        loop {
            let Some(endpoint) = places.borrow_and_update().at(self.failures).cloned() else {
                return;
            };
            let dialled = tokio::select! {
                biased;
                () = context.ends() => return,
                changed = places.changed() => match changed {
                    // Another place: it is tried at once.
                    Ok(()) => continue,
                    Err(_) => return,
                },
                dialled = self.dial_when_wanted(&endpoint) => dialled,
            };
            match dialled {
                Ok(channel) => {
                    // It sees for itself when the transport stops, and closes in words.
                    let end = run(&context, channel).await;
                    self.judge(&endpoint, &end);
                }
                Err(error) => {
                    self.back_off.failed();
                    self.log_failure(&endpoint, &error, error.advice());
                    self.failures = self.failures.wrapping_add(1);
                }
            }
            let pause = self.back_off.pause(context.environment());
            tokio::select! {
                biased;
                () = context.ends() => return,
                changed = places.changed() => if changed.is_err() {
                    return;
                },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn dial_when_wanted(&self, endpoint: &Endpoint) -> Result<NewChannel, DialError> {
        self.context.until_wanted(&self.peer, self.lane).await;
        let dial_timeout = self.context.options().dial_timeout;
        match tokio::time::timeout(dial_timeout, self.dial(endpoint)).await {
            Ok(dialled) => dialled,
            Err(_) => Err(DialError::Timeout(dial_timeout)),
        }
    }

    async fn dial(&self, endpoint: &Endpoint) -> Result<NewChannel, DialError> {
        let Endpoint { host, port, .. } = endpoint;
        let environment = self.context.environment();
        let io = environment.connect(host, *port).await;
        let io = io.map_err(DialError::Connect)?;
        let mut security = security_of(&io);
        let io = WatchedIo::new(io, environment.clone());
        let progress = io.progress();
        let any: AnyIo;
        match &self.context.options().tls {
            None => any = Box::new(io),
            Some(tls) => {
                let cluster = &self.context.shared.cluster;
                let connected = tls.connect(io, cluster, &self.peer).await;
                let (io, shown) = connected.map_err(|error| DialError::Tls(tls_failure(&error)))?;
                any = Box::new(io);
                security = shown;
            }
        }
        let uri = self.url(endpoint).parse::<Uri>();
        let uri = uri.map_err(|error| DialError::Upgrade(error.to_string()))?;
        let socket = Socket::client(any, uri, self.lane).await?;
        Ok(NewChannel {
            socket,
            progress,
            peer: self.peer.clone(),
            lane: self.lane,
            initiator: Initiator::Local,
            security,
            place: None,
        })
    }

    fn url(&self, endpoint: &Endpoint) -> String {
        let request = PeerRequest {
            node: self.context.shared.node.clone(),
            lane: self.lane,
        };
        let options = self.context.options();
        // Where TLS is set up it is spoken, whatever the form of the address.
        let scheme = match options.tls {
            Some(_) => Scheme::Wss,
            None => endpoint.scheme,
        };
        let endpoint = Endpoint {
            scheme,
            ..endpoint.clone()
        };
        let path = &options.channel_name;
        format!("{endpoint}{path}?{}", request.to_query())
    }

    /// Learns from the end of a channel that this end opened.
    fn judge(&mut self, endpoint: &Endpoint, end: &ChannelEnd) {
        let registry = self.context.shared.registry();
        let superseded = registry.has_adopted(&self.peer, self.lane);
        drop(registry);
        if superseded {
            // Both dialled, and the other one was kept: nothing is wrong.
            self.back_off.reset();
            return;
        }
        if end.adopted {
            self.outlook = Outlook::Good;
        }
        if end.adopted && end.lived >= STEADY_AFTER {
            self.back_off.reset();
            return;
        }
        self.back_off.failed();
        // The peer has adopted the other one before this node did.
        if !end.adopted && end.reason != SUPERSEDED {
            let advice = "the other node's log may say why";
            self.log_failure(endpoint, &format_args!("no hello: {}", end.reason), advice);
            self.failures = self.failures.wrapping_add(1);
        }
    }

    fn log_failure(&mut self, endpoint: &Endpoint, error: &dyn fmt::Display, advice: &str) {
        let (peer, lane, url) = (&self.peer, self.lane, self.url(endpoint));
        if self.outlook == Outlook::Bad {
            tracing::debug!(%peer, %lane, url, %error, "still no cluster channel");
            return;
        }
        tracing::warn!(
            %peer, %lane, url, %error,
            "no cluster channel, and none until it works is tried for: {advice}"
        );
        self.outlook = Outlook::Bad;
    }
}

/// Why dialling failed.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("no TLS connection: {0}")]
    Tls(String),
    #[error("the peer {0}")]
    Refused(String),
    #[error("no WebSocket connection: {0}")]
    Upgrade(String),
    #[error("the peer answered 404: {0}")]
    WrongPath(String),
}

impl From<ClientError> for DialError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { status: 404, text } => Self::WrongPath(text),
            ClientError::Refused { .. } => Self::Refused(error.to_string()),
            ClientError::Failed(text) => Self::Upgrade(text),
        }
    }
}

impl DialError {
    /// What a person can do about it.
    fn advice(&self) -> &'static str {
        match self {
            Self::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                "is the node running, and are host and port right?"
            }
            Self::Connect(_) => "can this machine resolve and reach the host?",
            Self::Timeout(_) => "is the host up, and is no firewall in between?",
            Self::Tls(_) => "are certificate, key and authorities right on both nodes?",
            Self::Refused(_) => "the answer says what is wrong",
            Self::WrongPath(_) => "is channel_name the same on both nodes?",
            Self::Upgrade(_) => "is it a node of this cluster that listens there?",
        }
    }
}
