//! One message for many connections: those of a user, of a group, or all.

mod audience;
mod job;
mod local;
mod outcome;
mod routing;

pub use audience::Audience;
pub(crate) use job::FanJob;
pub(crate) use local::LocalFans;
pub(crate) use outcome::FanReply;
pub use outcome::{FanCounts, FanOutcome};
pub use routing::FanOptions;
