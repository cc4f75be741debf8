use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits::NAME_BYTES_MAX;

/// A connection's name that the application chose: unique in the cluster.
///
/// Any text of 1 to [`NAME_BYTES_MAX`] bytes that does not begin with `~`, which the text of a
/// [`MintedId`](crate::MintedId) begins with, and has no control characters, since names are
/// written into logs. Two names are the same if their bytes are. Cheap to clone.
///
/// # Examples
///
/// ```
/// use raftwire_protocol::Name;
///
/// let name: Name = "alice@phone".parse()?;
/// assert_eq!(name.as_str(), "alice@phone");
/// # Ok::<(), raftwire_protocol::InvalidName>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Hash and order are those of the text, so maps may be asked with one.
impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Name, InvalidName> {
        check(text)?;
        Ok(Name(Arc::from(text)))
    }
}

/// What all texts that applications name things by have to be: see [`Name`].
pub(crate) fn check(text: &str) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty);
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(InvalidName::TooLong { bytes: text.len() });
    }
    if text.starts_with('~') {
        return Err(InvalidName::Prefix);
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidName::Control);
    }
    Ok(())
}

/// Why a text is not a [`Name`], a [`UserId`](crate::UserId) or a [`Group`](crate::Group).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// It has no characters.
    #[error("a name has at least one character")]
    Empty,
    /// It is over the limit.
    #[error("a name has at most {NAME_BYTES_MAX} bytes; this one has {bytes}")]
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// It begins as the id of a connection does.
    #[error("a name does not begin with `~`: the ids that nodes give to connections do")]
    Prefix,
    /// It has a control character.
    #[error("a name has no control characters")]
    Control,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Name, InvalidName> {
        text.parse()
    }

    #[test]
    fn the_limits_of_a_name_are_told_apart() {
        assert_eq!(parse(""), Err(InvalidName::Empty));
        assert_eq!(parse("~alice"), Err(InvalidName::Prefix));
        assert_eq!(parse("a\nb"), Err(InvalidName::Control));
        assert!(parse(&"n".repeat(NAME_BYTES_MAX)).is_ok());
        let bytes = NAME_BYTES_MAX + 1;
        assert_eq!(
            parse(&"n".repeat(bytes)),
            Err(InvalidName::TooLong { bytes })
        );
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_kept_as_it_is(text in any::<String>()) {
            if let Ok(name) = parse(&text) {
                prop_assert_eq!(name.as_str(), text);
            }
        }
    }
}
