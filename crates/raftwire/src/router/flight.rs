use std::time::Instant;

use tokio::sync::oneshot;

use crate::{Happened, RouteOutcome};

/// A message on its way. No reply to wait for: it is in an outbox of this node.
pub(crate) struct Flight {
    pub(super) reply: Option<oneshot::Receiver<RouteOutcome>>,
    pub(super) written: Option<oneshot::Receiver<bool>>,
}

impl Flight {
    pub(crate) async fn land(self, deadline: Instant) -> RouteOutcome {
        let outcome = match self.reply {
            None => RouteOutcome::Delivered,
            // The link settles every message by its deadline; only a node that stops forgets to.
            Some(reply) => reply.await.unwrap_or(RouteOutcome::FORGOTTEN),
        };
        let Some(written) = self.written else {
            return outcome;
        };
        if outcome.happened() != Happened::Yes {
            return outcome;
        }
        match Box::pin(tokio::time::timeout_at(deadline.into(), written)).await {
            Ok(Ok(true)) => RouteOutcome::Written,
            Ok(Ok(false) | Err(_)) | Err(_) => RouteOutcome::Delivered,
        }
    }
}
