//! The sending half of a link: queue, schedule, retransmission.

mod deadlines;
mod error;
mod in_flight;
mod message;
mod offer;
mod piece;
mod recovery;
mod scheduler;
mod sender;
mod transmissions;

pub use error::LinkSendError;
pub(crate) use sender::Sender;
