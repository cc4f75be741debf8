use std::path::PathBuf;
use std::time::Duration;

use crate::case::{self, Case};
use crate::system::System;

/// What is asked for on the command line.
#[derive(Debug)]
pub(crate) struct Flags {
    /// As it was given.
    pub(crate) said: String,
    pub(crate) rounds: usize,
    /// How long each point is measured.
    pub(crate) length: Duration,
    pub(crate) warm_up: Duration,
    /// Connections of a storm, and idle ones.
    pub(crate) crowd: usize,
    pub(crate) cases: Vec<Case>,
    pub(crate) systems: Vec<System>,
    pub(crate) out: PathBuf,
}

/// An argument that says nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlagsError {
    #[error("{0:?}: rounds=, seconds=, warm_up=, crowd=, cases=, systems= and out= are known")]
    Unknown(String),
    #[error("{0:?}: a number, not 0, is wanted")]
    Number(String),
    #[error("{name:?} is no case: {known}")]
    Case { name: String, known: String },
    #[error("{name:?} is no system: {known}")]
    System { name: String, known: String },
}

impl Flags {
    pub(crate) fn parse(arguments: &[String]) -> Result<Flags, FlagsError> {
        let mut flags = Flags {
            said: arguments.join(" "),
            rounds: 3,
            length: Duration::from_secs(3),
            warm_up: Duration::from_secs(1),
            crowd: 10_000,
            cases: case::all(),
            systems: System::ALL.to_vec(),
            out: crate::peers::repository().join("target/bench"),
        };
        for argument in arguments {
            let Some((key, value)) = argument.split_once('=') else {
                return Err(FlagsError::Unknown(argument.clone()));
            };
            let number = || {
                let number = value.parse().ok().filter(|number| *number > 0);
                number.ok_or_else(|| FlagsError::Number(argument.clone()))
            };
            match key {
                "rounds" => flags.rounds = number()?,
                "seconds" => flags.length = Duration::from_secs(number()? as u64),
                "warm_up" => flags.warm_up = Duration::from_secs(number()? as u64),
                "crowd" => flags.crowd = number()?,
                "cases" => flags.cases = cases(value)?,
                "systems" => flags.systems = systems(value)?,
                "out" => flags.out = PathBuf::from(value),
                _ => return Err(FlagsError::Unknown(argument.clone())),
            }
        }
        Ok(flags)
    }
}

/// In their own order, however they were named.
fn cases(names: &str) -> Result<Vec<Case>, FlagsError> {
    let all = case::all();
    for name in names.split(',') {
        if !all.iter().any(|case| case.is_meant_by(name)) {
            let known: Vec<_> = all.iter().map(|case| case.name.as_str()).collect();
            return Err(FlagsError::Case {
                name: name.to_owned(),
                known: known.join(", "),
            });
        }
    }
    let is_wanted = |case: &Case| names.split(',').any(|name| case.is_meant_by(name));
    Ok(all.into_iter().filter(is_wanted).collect())
}

fn systems(names: &str) -> Result<Vec<System>, FlagsError> {
    for name in names.split(',') {
        if !System::ALL.iter().any(|system| system.name() == name) {
            return Err(FlagsError::System {
                name: name.to_owned(),
                known: System::ALL.map(System::name).join(", "),
            });
        }
    }
    let is_wanted = |system: &System| names.split(',').any(|name| system.name() == name);
    Ok(System::ALL.into_iter().filter(is_wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Flags, FlagsError> {
        let arguments: Vec<_> = arguments.iter().map(|one| (*one).to_owned()).collect();
        Flags::parse(&arguments)
    }

    #[test]
    fn the_beginning_of_a_name_means_all_that_begin_so() {
        let flags = parse(&["cases=route-acknowledged,echo-64", "rounds=5"]).unwrap();
        let names: Vec<_> = flags.cases.iter().map(|case| case.name.as_str()).collect();
        let acknowledged = ["1", "100", "1000"].map(|count| format!("route-acknowledged-{count}"));
        assert_eq!(names[0], "echo-64");
        assert_eq!(names[1..], acknowledged);
        assert_eq!(flags.rounds, 5);
    }

    #[test]
    fn what_is_not_known_is_told_with_what_is() {
        let error = parse(&["cases=echo-7"]).unwrap_err().to_string();
        assert!(
            error.contains("\"echo-7\"") && error.contains("echo-64"),
            "{error}"
        );
        let error = parse(&["systems=emqx"]).unwrap_err().to_string();
        assert!(error.contains("nats"), "{error}");
        assert!(matches!(parse(&["rounds=0"]), Err(FlagsError::Number(_))));
        assert!(matches!(parse(&["round=1"]), Err(FlagsError::Unknown(_))));
    }
}
