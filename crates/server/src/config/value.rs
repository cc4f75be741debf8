//! A value as a source wrote it, before anybody knows what it is for.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// A value as a source wrote it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// From a variable or a flag, which know no types.
    Bare(String),
    /// A TOML string.
    Text(String),
    /// A TOML integer.
    Integer(i128),
    /// A TOML boolean.
    Boolean(bool),
    /// A TOML array of strings, or the repetitions of a flag.
    List(Vec<String>),
    /// Something that no key takes, in words.
    Other(String),
}

/// The value is not what the key takes. The reason is empty where saying what is allowed says
/// it all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) reason: String,
}

impl Unfit {
    pub(super) fn because(reason: impl fmt::Display) -> Unfit {
        Unfit {
            reason: reason.to_string(),
        }
    }
}

/// Units of a size, largest first. Powers of 1,024 only: "MB" means two things.
const BYTE_UNITS: [(&str, usize); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// Below it, somebody may guess.
const TOKEN_BYTES_MIN: usize = 16;

impl Value {
    /// The value as a configuration file writes it.
    pub(super) fn toml(&self) -> String {
        match self {
            Value::Bare(text) if text.parse::<bool>().is_ok() || text.parse::<u64>().is_ok() => {
                text.clone()
            }
            Value::Bare(text) | Value::Text(text) => toml::Value::from(text.as_str()).to_string(),
            Value::List(texts) => toml::Value::from(texts.clone()).to_string(),
            Value::Integer(_) | Value::Boolean(_) | Value::Other(_) => self.to_string(),
        }
    }

    pub(super) fn text(&self) -> Result<&str, Unfit> {
        match self {
            Value::Bare(text) | Value::Text(text) => Ok(text),
            Value::Integer(_) | Value::Boolean(_) | Value::List(_) | Value::Other(_) => {
                Err(Unfit::default())
            }
        }
    }

    pub(super) fn owned(&self) -> Result<String, Unfit> {
        self.text().map(str::to_owned)
    }

    /// One of several words, each of which stands for something.
    pub(super) fn one_of<T>(
        &self,
        choices: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Result<T, Unfit> {
        let text = self.text()?;
        let mut choices = choices.into_iter();
        let chosen = choices.find(|(word, _)| *word == text);
        chosen.map(|(_, choice)| choice).ok_or_else(Unfit::default)
    }

    /// A text with a type of its own, whose error explains the right form.
    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, Unfit> {
        self.text()?.parse().map_err(Unfit::because)
    }

    pub(super) fn boolean(&self) -> Result<bool, Unfit> {
        match self {
            Value::Boolean(value) => Ok(*value),
            Value::Bare(text) => text.parse().map_err(|_| Unfit::default()),
            Value::Text(_) | Value::Integer(_) | Value::List(_) | Value::Other(_) => {
                Err(Unfit::default())
            }
        }
    }

    pub(super) fn integer<T>(&self, range: RangeInclusive<T>) -> Result<T, Unfit>
    where
        T: TryFrom<i128> + PartialOrd,
    {
        let number = match self {
            Value::Integer(number) => *number,
            Value::Bare(text) => text.parse().map_err(|_| Unfit::default())?,
            Value::Text(_) | Value::Boolean(_) | Value::List(_) | Value::Other(_) => {
                return Err(Unfit::default());
            }
        };
        T::try_from(number)
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(Unfit::default)
    }

    /// A number of bytes, bare or with a unit.
    pub(super) fn bytes(&self, range: RangeInclusive<usize>) -> Result<usize, Unfit> {
        let (Value::Bare(text) | Value::Text(text)) = self else {
            return self.integer(range);
        };
        let (digits, unit) = BYTE_UNITS
            .iter()
            .find_map(|(name, bytes)| Some((text.strip_suffix(name)?.trim_end(), *bytes)))
            .unwrap_or((text, 1));
        let bytes = digits
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_mul(unit));
        bytes
            .filter(|bytes| range.contains(bytes))
            .ok_or_else(Unfit::default)
    }

    /// A duration with its unit.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Result<Duration, Unfit> {
        let duration = humantime::parse_duration(self.text()?).map_err(|_| Unfit::default())?;
        Some(duration)
            .filter(|duration| range.contains(duration))
            .ok_or_else(Unfit::default)
    }

    /// Several texts: a list, or one text with commas between them.
    pub(super) fn list(&self) -> Result<Vec<&str>, Unfit> {
        match self {
            Value::List(texts) => Ok(items(texts)),
            Value::Bare(text) => Ok(items(std::slice::from_ref(text))),
            Value::Text(text) => {
                let texts = items(std::slice::from_ref(text));
                let list = Value::List(texts.into_iter().map(str::to_owned).collect());
                Err(Unfit::because(format_args!(
                    "a file has a list here: write {}",
                    list.toml()
                )))
            }
            Value::Integer(_) | Value::Boolean(_) | Value::Other(_) => Err(Unfit::because(
                "a file has a list of texts here, as in [\"a\", \"b\"]",
            )),
        }
    }

    /// The name or address of a host, without a port.
    pub(super) fn host(&self) -> Result<String, Unfit> {
        let host = self.text()?;
        let is_address = host.parse::<IpAddr>().is_ok();
        let in_brackets = host.starts_with('[') && host.ends_with(']');
        if host.is_empty()
            || host.contains(|c: char| c.is_whitespace() || c == '/')
            || (host.contains(':') && !is_address && !in_brackets)
        {
            return Err(Unfit::default());
        }
        Ok(host.to_owned())
    }

    /// The path of a file or folder, whether it is there or not.
    pub(super) fn file(&self) -> Result<Option<PathBuf>, Unfit> {
        match self.text()? {
            "" => Err(Unfit::default()),
            path => Ok(Some(path.into())),
        }
    }

    /// The path of a URL.
    pub(super) fn url_path(&self) -> Result<String, Unfit> {
        let path = self.text()?;
        let is_plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
        if path.len() > 1 && path.starts_with('/') && path.chars().all(is_plain) {
            return Ok(path.to_owned());
        }
        Err(Unfit::default())
    }

    /// What a header can carry and nobody guesses.
    pub(super) fn token(&self) -> Result<String, Unfit> {
        let token = self.text()?;
        if token.len() >= TOKEN_BYTES_MIN && token.chars().all(|c| c.is_ascii_graphic()) {
            return Ok(token.to_owned());
        }
        Err(Unfit::default())
    }
}

fn items(texts: &[String]) -> Vec<&str> {
    let items = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    items.filter(|item| !item.is_empty()).collect()
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bare(text) | Value::Text(text) => write!(f, "{text:?}"),
            Value::Integer(number) => number.fmt(f),
            Value::Boolean(value) => value.fmt(f),
            Value::List(texts) => write!(f, "{texts:?}"),
            Value::Other(words) => f.write_str(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> Value {
        Value::Bare(text.to_owned())
    }

    #[test]
    fn sizes_may_have_a_unit() {
        let range = 0..=usize::MAX;
        assert_eq!(bare("64").bytes(range.clone()), Ok(64));
        assert_eq!(bare("64 KiB").bytes(range.clone()), Ok(65_536));
        assert_eq!(
            Value::Text("1MiB".to_owned()).bytes(range.clone()),
            Ok(1 << 20)
        );
        assert_eq!(Value::Integer(7).bytes(range.clone()), Ok(7));
        assert!(bare("1 MB").bytes(range.clone()).is_err());
        assert!(bare("99999999999 GiB").bytes(range).is_err());
    }

    #[test]
    fn numbers_outside_the_range_are_unfit() {
        assert_eq!(bare("5000").integer(1..=u16::MAX), Ok(5000));
        assert!(bare("0").integer(1..=u16::MAX).is_err());
        assert!(Value::Integer(70_000).integer(1..=u16::MAX).is_err());
        assert!(Value::Integer(-1).integer(1..=u16::MAX).is_err());
        assert!(
            Value::Text("5000".to_owned())
                .integer(1..=u16::MAX)
                .is_err()
        );
    }

    #[test]
    fn durations_need_their_unit() {
        let range = Duration::ZERO..=Duration::from_secs(60);
        assert_eq!(
            bare("250ms").duration(range.clone()),
            Ok(Duration::from_millis(250))
        );
        assert!(bare("5").duration(range.clone()).is_err());
        assert!(bare("61s").duration(range).is_err());
    }

    #[test]
    fn lists_come_with_commas_or_item_by_item() {
        assert_eq!(bare("a, b,").list(), Ok(vec!["a", "b"]));
        assert_eq!(
            Value::List(vec!["a".to_owned(), "b".to_owned()]).list(),
            Ok(vec!["a", "b"])
        );
    }

    #[test]
    fn a_text_where_a_file_has_a_list_is_refused_with_the_list_to_write() {
        let reason = |value: Value| value.list().unwrap_err().reason;

        assert!(reason(Value::Text("a".to_owned())).ends_with(r#"write ["a"]"#));
        assert!(reason(Value::Text("a, b".to_owned())).ends_with(r#"write ["a", "b"]"#));
        assert!(reason(Value::Integer(7)).contains("a list of texts"));
    }

    #[test]
    fn a_host_has_no_port() {
        for good in ["localhost", "10.0.0.1", "::1", "[::1]", "node1.example"] {
            assert!(bare(good).host().is_ok(), "{good}");
        }
        for bad in ["", "localhost:5000", "ws://localhost", "a b"] {
            assert!(bare(bad).host().is_err(), "{bad}");
        }
    }
}
