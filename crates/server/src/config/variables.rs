//! The second source: environment variables.

use super::error::nearest;
use super::key::{Key, VARIABLE_PREFIX};
use super::load::Setting;
use super::value::Value;
use super::{ConfigError, Origin, keys};

/// Variables with our prefix that are no keys: the command line reads them.
pub(crate) const OTHER_VARIABLES: [&str; 3] = ["RAFTWIRE_CA", "RAFTWIRE_CONFIG", "RAFTWIRE_URL"];

/// Reads every setting of an environment, each of which can be wrong by itself; variables without
/// our prefix are not ours.
pub(super) fn parse<'a>(
    variables: impl IntoIterator<Item = &'a (String, String)>,
) -> Vec<Result<Setting, ConfigError>> {
    let ours = variables.into_iter().filter(|(name, _)| {
        name.starts_with(VARIABLE_PREFIX) && !OTHER_VARIABLES.contains(&name.as_str())
    });
    ours.map(
        |(name, value)| match keys().find(|key| key.variable() == *name) {
            Some(key) => Ok(Setting {
                key,
                origin: Origin::Variable(name.clone()),
                value: Value::Bare(value.clone()),
            }),
            None => Err(ConfigError::UnknownKey {
                origin: Origin::Environment,
                what: "variable",
                name: name.clone(),
                nearest: nearest(name, keys().map(Key::variable)),
            }),
        },
    )
    .collect()
}
