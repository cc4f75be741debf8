//! The third source: flags.

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::load::Setting;
use super::value::Value;
use super::{ConfigError, Key, Origin, keys};

/// The flags of `raftwire serve` that were given, one for each key.
#[derive(Clone, Debug, Default)]
pub struct ServeFlags {
    given: Vec<(&'static str, Vec<String>)>,
}

impl ServeFlags {
    pub(super) fn settings(&self) -> Vec<Result<Setting, ConfigError>> {
        let mut settings = Vec::with_capacity(self.given.len());
        for key in keys() {
            let Some((_, values)) = self.given.iter().find(|(name, _)| *name == key.name) else {
                continue;
            };
            if key.confidential {
                settings.push(Err(ConfigError::Confidential {
                    flag: key.flag(),
                    variable: key.variable(),
                    key: key.name,
                }));
                continue;
            }
            let value = match values.as_slice() {
                [value] => Value::Bare(value.clone()),
                several => Value::List(several.to_vec()),
            };
            settings.push(Ok(Setting {
                key,
                origin: Origin::Flag(format!("--{}", key.flag())),
                value,
            }));
        }
        settings
    }
}

fn argument(key: &'static Key) -> Arg {
    let mut help = format!("{} [{}]", key.help, key.variable());
    if let Some(default) = key.default {
        help.push_str(&format!(" [default: {default}]"));
    }
    let argument = Arg::new(key.name)
        .long(key.flag())
        .value_name(key.placeholder)
        .help(help)
        .help_heading(match key.section() {
            None => "Node",
            Some("http") => "HTTP",
            Some("log") => "Log",
            Some("tls") => "TLS",
            Some(_) => "Clients",
        })
        .hide(key.confidential)
        .action(ArgAction::Append)
        .allow_hyphen_values(false);
    match key.allowed {
        "true or false" => argument.num_args(0..=1).default_missing_value("true"),
        _ => argument,
    }
}

impl Args for ServeFlags {
    fn augment_args(command: Command) -> Command {
        command.args(keys().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ServeFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = ServeFlags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for key in keys() {
            let values = matches
                .try_get_many::<String>(key.name)
                .map_err(|error| clap::Error::raw(ErrorKind::InvalidValue, error.to_string()))?;
            if let Some(values) = values {
                self.given.push((key.name, values.cloned().collect()));
            }
        }
        Ok(())
    }
}
