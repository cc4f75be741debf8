//! Who a client is: asked once, before its WebSocket opens.
//!
//! [`Authenticator`] is the seam: an application that embeds the server brings its own
//! ([`serve_with`](crate::serve::serve_with)), and the binary has three, chosen by the configuration:
//! [`Anonymous`], [`FromQuery`] and [`Webhook`].

mod anonymous;
mod identity;
mod query;
mod request;
mod webhook;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use raftwire_environment::Environment;

pub use anonymous::Anonymous;
pub use identity::{GROUPS_AT_OPENING_MAX, Identity};
pub use query::FromQuery;
pub use request::OpeningRequest;
pub use webhook::{InvalidWebhook, Webhook};

use crate::config::ClientOptions;
use crate::metrics::HookCounters;

/// Decides who a client is, and whether it may connect at all.
///
/// Called once for each opening WebSocket, from that connection's own task, before it has an id; the
/// answer is waited for, so it must end. Nothing was promised to the client until then.
///
/// # Cancel safety
/// The future is dropped when the client goes away.
#[async_trait]
pub trait Authenticator: Debug + Send + Sync {
    /// Says who asks.
    ///
    /// # Errors
    /// [`Denied`] says that the client may not connect, or not now.
    async fn authenticate(&self, request: &OpeningRequest) -> Result<Identity, Denied>;
}

/// Why a client may not connect. The texts are for the client: they must hold no secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// It has not said who it is, or not so that it is believed: HTTP 401.
    #[error("{0}")]
    Unauthenticated(String),
    /// It may not, whoever it is: HTTP 403.
    #[error("{0}")]
    Forbidden(String),
    /// What it said of itself cannot be: HTTP 400.
    #[error("{0}")]
    Malformed(String),
    /// It cannot be decided now; trying again later may help: HTTP 503.
    #[error("{0}")]
    Unavailable(String),
}

/// The authenticator that the configuration asks for. Where that is the hook, `counters` are what it
/// counts on.
///
/// # Errors
/// See [`InvalidWebhook`].
pub(crate) fn configured(
    options: &ClientOptions,
    environment: &Environment,
    counters: &Arc<HookCounters>,
) -> Result<Arc<dyn Authenticator>, InvalidWebhook> {
    match &options.authentication_url {
        Some(url) => {
            let token = options.authentication_token.clone();
            let timeout = options.authentication_timeout;
            let hook = Webhook::new(environment.clone(), url, token, timeout)?;
            Ok(Arc::new(hook.counting_on(Arc::clone(counters))))
        }
        None if options.identity_in_query => Ok(Arc::new(FromQuery)),
        None => Ok(Arc::new(Anonymous)),
    }
}
