//! The sending half of a link: queue, schedule, retransmission.

mod deadlines;
mod in_flight;
mod message;
mod scheduler;
mod sender;
mod transmissions;

pub use sender::LinkSendError;
pub(crate) use sender::Sender;
