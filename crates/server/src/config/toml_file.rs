//! The first source: a TOML file, with the line of each key.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{nearest, sections};
use super::load::Setting;
use super::value::Value;
use super::{ConfigError, Origin, keys};

/// Reads every setting of a file's text; each can be wrong by itself.
pub(super) fn parse(path: &Path, text: &str) -> Vec<Result<Setting, ConfigError>> {
    let file = File { path, text };
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let origin = file.origin(error.span().map_or(0, |span| span.start));
            let message = error.message().to_owned();
            return vec![Err(ConfigError::Syntax { origin, message })];
        }
    };
    let mut settings = Vec::new();
    for (name, value) in table.get_ref() {
        match value.get_ref().as_table() {
            Some(section) if sections().contains(&name.get_ref().as_ref()) => {
                for (inner, value) in section {
                    let dotted = format!("{}.{}", name.get_ref(), inner.get_ref());
                    settings.push(file.setting(&dotted, inner, value));
                }
            }
            Some(_) => {
                let nearest = nearest(name.get_ref(), sections());
                settings.push(Err(file.unknown("table", name, nearest)));
            }
            None => settings.push(file.setting(name.get_ref(), name, value)),
        }
    }
    settings
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Origin::File {
            path: self.path.to_owned(),
            line,
        }
    }

    fn setting(
        &self,
        dotted: &str,
        name: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Setting, ConfigError> {
        let Some(key) = keys().find(|key| key.name == dotted) else {
            return Err(ConfigError::UnknownKey {
                origin: self.origin(name.span().start),
                what: "key",
                name: dotted.to_owned(),
                nearest: nearest(dotted, keys().map(|key| key.name)),
            });
        };
        let origin = self.origin(name.span().start);
        Ok(Setting {
            key,
            origin,
            value: self.value(value),
        })
    }

    fn unknown(
        &self,
        what: &'static str,
        name: &Spanned<impl AsRef<str>>,
        nearest: Option<String>,
    ) -> ConfigError {
        ConfigError::UnknownKey {
            origin: self.origin(name.span().start),
            what,
            name: name.get_ref().as_ref().to_owned(),
            nearest,
        }
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> Value {
        let other = || Value::Other(self.text.get(value.span()).unwrap_or("…").to_owned());
        match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| other(), Value::Integer),
            DeValue::Array(items) => items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .map_or_else(other, Value::List),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => other(),
        }
    }
}
