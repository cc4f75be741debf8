//! Names of connections: registered and kept by the node that holds the connection, looked up and
//! followed by those that send to it.

mod api;
mod error;
#[cfg(test)]
mod fake;
mod keeper;
mod route;
mod service;

pub use self::error::{NamedConnectionError, RegisterNameError};
pub(crate) use self::keeper::NameKeeper;
pub(crate) use self::service::{NameService, RaftNames};
