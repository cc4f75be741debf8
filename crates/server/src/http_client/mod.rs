//! What the command line asks a node with: one request, one answer.

mod authorities;
mod client;
mod dial;
mod error;

use std::time::Duration;

pub(crate) use self::authorities::read_ca;
pub use self::client::HttpClient;
pub(crate) use self::dial::AnyStream;
pub use self::error::RequestError;

/// How long one request may take in all: twice the default deadline of a route.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
