//! One thing that can be set.

use super::ServerOptions;
use super::value::{Unfit, Value};

/// One thing that can be set: its names in the three sources, its words for people, and where
/// its value goes.
#[derive(Debug)]
pub struct Key {
    /// Dotted, as in the file: `client.allow_send` is `allow_send` in the table `[client]`.
    pub name: &'static str,
    /// What a value must be, to follow "must be".
    pub allowed: &'static str,
    /// The default, as it would be written; `None` where nothing is the default.
    pub default: Option<&'static str>,
    /// Why that is the default, without a full stop; where there is a default.
    pub reason: &'static str,
    /// What a value may look like in the file; where there is no default.
    pub example: &'static str,
    /// One or two sentences, the first without a full stop at its end.
    pub help: &'static str,
    /// What stands for the value in the help of the flag.
    pub placeholder: &'static str,
    /// Never shown, and refused as a flag: every user of the machine can read those.
    pub confidential: bool,
    /// Whether the reason why a confidential value does not fit shows nothing of it.
    pub(super) explains: bool,
    pub(super) apply: fn(&mut ServerOptions, &Value) -> Result<(), Unfit>,
}

/// What every variable begins with.
pub(super) const VARIABLE_PREFIX: &str = "RAFTWIRE_";

impl Key {
    /// The environment variable: `RAFTWIRE_CLIENT_ALLOW_SEND`.
    pub fn variable(&self) -> String {
        format!(
            "{VARIABLE_PREFIX}{}",
            self.name.replace('.', "_").to_ascii_uppercase()
        )
    }

    /// The flag without its dashes: `client-allow-send`.
    pub fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// The table of the file that the key is in; `None` at the top.
    pub fn section(&self) -> Option<&'static str> {
        self.name.split_once('.').map(|(section, _)| section)
    }
}
