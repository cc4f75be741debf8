use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Lane, Listener};

/// Connects lanes to a broker. What a transport over a particular broker implements.
///
/// [`BrokerTransport`](super::BrokerTransport) is the only caller. It has one task for each lane,
/// which connects, runs the session until it ends, and connects again after a pause.
#[async_trait]
pub trait BrokerClient: Send + Sync + Debug {
    /// What the broker is, for a log: `Redis`.
    fn service(&self) -> &'static str;

    /// Where it is, for a log and for errors; without secrets.
    fn address(&self) -> String;

    /// Makes the connections of one lane. Whoever is told `Ok` hears everything that is published
    /// for the lane's node, or for all, from then on. Bounds the time that it takes.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do, in words for a log. It is tried again later.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind but connections that are closed.
    async fn connect(&self, lane: &Arc<Lane>) -> Result<Box<dyn BrokerSession>, String>;
}

/// One lane's connections to the broker.
#[async_trait]
pub trait BrokerSession: Send {
    /// The server that it is connected to, for a log.
    fn server(&self) -> String;

    /// Publishes what the lane has, and has [`Listener::listen`] take in what comes, until a
    /// connection ends. Returns why, in words for a log.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the transport stops; [`finish`](Self::finish) follows.
    async fn run(&mut self, listener: &Listener<'_>) -> String;

    /// Publishes what still waits, and [`Lane::goodbye`] after it. The caller sets the time limit.
    async fn finish(self: Box<Self>);
}

/// Where the messages of one lane come from.
pub trait MessageSource: Send {
    /// The next message, as it was published. A call says that what came before is done with.
    ///
    /// # Errors
    ///
    /// Why nothing comes any more, in words for a log.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    fn next(&mut self) -> impl Future<Output = Result<Bytes, String>> + Send;
}
