use std::time::Duration;

/// What a sender waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acknowledgement {
    /// The owner says that the message is in the connection's outbox.
    #[default]
    Delivered,
    /// A second reply of the owner says that it was handed to the socket:
    /// [`RouteOutcome::Written`](crate::RouteOutcome::Written). Where the connection ends first, or the deadline does, the
    /// outcome is [`RouteOutcome::Delivered`](crate::RouteOutcome::Delivered).
    Written,
}

/// How one message is routed.
///
/// ```
/// use std::time::Duration;
/// use raftwire::{Acknowledgement, RouteOptions};
///
/// let options = RouteOptions::default()
///     .deadline(Duration::from_millis(500))
///     .acknowledgement(Acknowledgement::Written);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RouteOptions {
    pub(super) deadline: Option<Duration>,
    pub(super) acknowledgement: Acknowledgement,
}

impl RouteOptions {
    /// How long it may take, at most [`ROUTE_DEADLINE_MAX`](crate::ROUTE_DEADLINE_MAX): a longer one is taken as that.
    /// Default: the cluster's `route_deadline`.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// What to wait for. Default: [`Acknowledgement::Delivered`].
    #[must_use]
    pub fn acknowledgement(mut self, acknowledgement: Acknowledgement) -> Self {
        self.acknowledgement = acknowledgement;
        self
    }
}
