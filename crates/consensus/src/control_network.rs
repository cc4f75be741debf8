use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use raftwire_protocol::NodeId;

/// The most bytes of a request or an answer that consensus hands to a [`ControlNetwork`]: what one
/// control packet can carry.
pub const CALL_BYTES_MAX: usize = raftwire_protocol::limits::RPC_PAYLOAD_BYTES_MAX;

/// Calls between consensus nodes, over the control lane of whatever transport there is.
///
/// An implementation may lose, repeat, delay and reorder calls, and may carry one out whose caller
/// has given up. It must not corrupt them, and it must reach the node that it was asked for: the
/// peer's authenticated session.
#[async_trait]
pub trait ControlNetwork: Send + Sync + Debug {
    /// Sends `request` to `to`'s [`RaftNode::handle`](crate::RaftNode::handle) and returns its
    /// answer, resending it inside until the deadline has passed.
    ///
    /// # Errors
    ///
    /// After an error the request may or may not have been carried out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up waiting for the answer.
    async fn call(
        &self,
        to: &NodeId,
        request: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, CallError>;

    /// Like [`call`](Self::call), for a request that the peer may hold for up to `hold` before it
    /// answers: an implementation that resends does so a few times within it, not all the time.
    ///
    /// # Errors
    ///
    /// As those of `call`.
    async fn call_held(
        &self,
        to: &NodeId,
        request: Bytes,
        deadline: Duration,
        hold: Duration,
    ) -> Result<Bytes, CallError> {
        let _ = hold;
        self.call(to, request, deadline).await
    }
}

/// Why there is no answer to a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no authenticated channel to the node; nothing was sent.
    #[error("no channel to the node")]
    Unreachable,
    /// No answer came in time.
    #[error("no answer within the deadline")]
    Deadline,
    /// The network or the peer refused the call.
    #[error("refused: {0}")]
    Refused(String),
}
