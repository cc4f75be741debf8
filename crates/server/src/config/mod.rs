//! What a node is told, from three sources: a TOML file, `RAFTWIRE_*` variables, flags.
//!
//! [`keys()`] is the one list of what can be set. The file's keys, the variables' names, the flags
//! and their help are all made from it, so that nothing can be set in one way only. Each source
//! is stronger than the one before, key by key; a key that nobody knows is refused by name.

mod conflict;
mod error;
mod exposure;
mod files;
mod flags;
mod key;
mod keys;
mod lanes;
mod load;
mod options;
mod origin;
mod report;
mod template;
mod tls;
mod toml_file;
mod value;
mod variables;
mod warning;
mod web_origin;

pub use conflict::Conflict;
pub use error::ConfigError;
pub use exposure::{NotClosed, is_loopback};
pub use flags::ServeFlags;
pub use key::Key;
pub use keys::keys;
pub use lanes::LaneConflict;
pub(crate) use lanes::timings_of;
pub use load::{Sources, load};
pub use options::{ClientOptions, HttpOptions, LogFormat, LogOptions, ServerOptions};
pub use origin::Origin;
pub use report::{Report, report};
pub use template::template;
pub use tls::{TlsConflict, TlsOptions};
use value::Value;
#[cfg(test)]
pub(crate) use variables::OTHER_VARIABLES;
pub use warning::Warning;
pub use web_origin::{InvalidWebOrigin, WebOrigin};
