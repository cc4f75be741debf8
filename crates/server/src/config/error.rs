//! What is wrong with a configuration.

use std::path::PathBuf;

use super::{LaneConflict, Origin, keys};

/// Why a configuration cannot be used. Each names the place to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// The file as it was named.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than any configuration.
    #[error("the configuration file {} has {bytes} bytes; at most {limit} are read", path.display())]
    TooLarge {
        /// The file as it was named.
        path: PathBuf,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The file is not TOML.
    #[error("{origin}: not valid TOML: {message}")]
    Syntax {
        /// The file and line.
        origin: Origin,
        /// The parser's words.
        message: String,
    },
    /// Nobody knows the key.
    #[error("{origin}: unknown {what} \"{name}\"; {}", suggestion(.nearest.as_deref(), .what))]
    UnknownKey {
        /// Where it was written.
        origin: Origin,
        /// What it is there: a key, a table, a variable.
        what: &'static str,
        /// The unknown name.
        name: String,
        /// The known name that looks most like it.
        nearest: Option<String>,
    },
    /// The value is not what the key takes.
    #[error("{origin}: {key} = {value}: must be {allowed}{}", after_colon(.reason))]
    Unfit {
        /// Where it was written.
        origin: Origin,
        /// The key.
        key: &'static str,
        /// The value, or dots where it is confidential.
        value: String,
        /// What is allowed.
        allowed: &'static str,
        /// Why this is not it; empty where that goes without saying.
        reason: String,
    },
    /// A confidential key was given as a flag.
    #[error(
        "flag --{flag}: not taken from the command line, where every user of the machine can read \
         it; set {variable}, or {key} in the configuration file"
    )]
    Confidential {
        /// The flag.
        flag: String,
        /// The variable to use instead.
        variable: String,
        /// The key.
        key: &'static str,
    },
    /// The transports of the lanes do not fit the rest.
    #[error("{origin}: {source}")]
    Lanes {
        /// Where the key that is to be mended was set.
        origin: Origin,
        /// What does not fit.
        source: LaneConflict,
    },
    /// The options do not fit together.
    #[error("{origin}: {source}")]
    Invalid {
        /// Where the key that the library complains of was set.
        origin: Origin,
        /// The library's word.
        source: raftwire::InvalidOptions,
    },
}

fn suggestion(nearest: Option<&str>, what: &str) -> String {
    match nearest {
        Some(nearest) => format!("did you mean \"{nearest}\"?"),
        None if what == "table" => format!("known are {}", sections().join(", ")),
        None => "`raftwire serve --help` lists what can be set".to_owned(),
    }
}

fn after_colon(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}

/// The tables of the file.
pub(super) fn sections() -> Vec<&'static str> {
    let mut sections: Vec<_> = keys().filter_map(|key| key.section()).collect();
    sections.dedup();
    sections
}

/// Names less alike than this have another meaning, not a slip of the finger.
const LIKENESS_MIN: f64 = 0.75;

/// The known name that looks most like `name`, if one looks like it at all.
pub(super) fn nearest<S: AsRef<str>>(
    name: &str,
    known: impl IntoIterator<Item = S>,
) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate.as_ref()), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate.as_ref().to_owned())
}
