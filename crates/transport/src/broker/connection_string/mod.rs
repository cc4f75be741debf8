//! What connection strings of brokers have in common, whatever form each has.

mod host_port;
mod option;
mod percent;
mod scheme;
mod secret;
mod servers;

pub use host_port::HostPort;
pub use option::{ConnectionOption, InvalidOption};
pub use percent::{NotEscaped, escaped, unescaped};
pub use scheme::shown_scheme;
pub use secret::Secret;
pub use servers::{InvalidServers, Servers};
