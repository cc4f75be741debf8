//! The way to the server: connections, logging in, and finding the server that is meant.

mod discovery;
mod login;
mod problem;
mod stream;

pub(crate) use discovery::{Broker, open_broker};
pub(crate) use login::Login;
pub(crate) use problem::Problem;
pub(crate) use stream::{Commands, Replies};
