//! What is logged, and how.

use super::{PLAIN, put};
use crate::config::LogFormat;
use crate::config::key::Key;
use crate::config::value::{Unfit, Value};

pub(super) static LOG: &[Key] = &[
    Key {
        name: "log.level",
        allowed: "a level (error, warn, info, debug, trace), or levels by module",
        default: Some("info"),
        reason: "What an operator may want to know afterwards, and nothing for each message",
        help: "What is logged to standard error; \"info,raftwire=debug\" sets modules apart",
        placeholder: "LEVEL",
        apply: |options, value| put(&mut options.log.level, log_filter(value)),
        ..PLAIN
    },
    Key {
        name: "log.format",
        allowed: "\"text\" or \"json\"",
        default: Some("text"),
        reason: "For people; json is for programs that collect logs",
        help: "How a line of the log is written: as text, or as a JSON object with the fields kept \
               apart",
        placeholder: "FORMAT",
        apply: |options, value| {
            let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
            put(&mut options.log.format, value.one_of(formats))
        },
        ..PLAIN
    },
];

fn log_filter(value: &Value) -> Result<String, Unfit> {
    let text = value.text()?;
    // A bare word that is no level would be the name of a module, and the log silent.
    let is_level = |word: &str| {
        let is_bare = word
            .parse::<tracing_subscriber::filter::LevelFilter>()
            .is_ok();
        word.contains('=') || is_bare && !word.is_empty()
    };
    if let Some(word) = text.split(',').map(str::trim).find(|word| !is_level(word)) {
        let reason = format!("\"{word}\" is no level: error, warn, info, debug, trace or off");
        return Err(Unfit::because(reason));
    }
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Unfit::because(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_does_not_silence_the_log() {
        let filter = |text: &str| log_filter(&Value::Bare(text.to_owned()));
        for right in [
            "info",
            "WARN",
            "off",
            "info,raftwire=debug",
            "raftwire_link=trace,error",
        ] {
            assert!(filter(right).is_ok(), "{right}");
        }
        for wrong in ["loud", "", "info,", "raftwire", "raftwire=loud"] {
            assert!(filter(wrong).is_err(), "{wrong}");
        }
    }
}
