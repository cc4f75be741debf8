//! What any number of connections may share: a user, a group.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::InvalidName;
use crate::name::check;

/// A text like a [`Name`](crate::Name), of another meaning.
macro_rules! shared_text {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<$name, InvalidName> {
                check(text)?;
                Ok($name(Arc::from(text)))
            }
        }
    };
}

shared_text! {
    /// Who is behind a connection: one user may have many, on several nodes and devices.
    ///
    /// A text as a [`Name`](crate::Name) is: 1 to
    /// [`NAME_BYTES_MAX`](crate::limits::NAME_BYTES_MAX) bytes, no `~` at the beginning, no control
    /// characters. Cheap to clone.
    ///
    /// ```
    /// let user: raftwire_protocol::UserId = "alice".parse()?;
    /// assert_eq!(user.as_str(), "alice");
    /// # Ok::<(), raftwire_protocol::InvalidName>(())
    /// ```
    UserId
}

shared_text! {
    /// A group of connections: a room, a topic, everybody who looks at the same page.
    ///
    /// A text as a [`Name`](crate::Name) is: 1 to
    /// [`NAME_BYTES_MAX`](crate::limits::NAME_BYTES_MAX) bytes, no `~` at the beginning, no control
    /// characters. Cheap to clone.
    ///
    /// ```
    /// let group: raftwire_protocol::Group = "room/42".parse()?;
    /// assert_eq!(group.as_str(), "room/42");
    /// # Ok::<(), raftwire_protocol::InvalidName>(())
    /// ```
    Group
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::NAME_BYTES_MAX;

    #[test]
    fn users_and_groups_are_held_to_the_limits_of_names() {
        let bytes = NAME_BYTES_MAX + 1;
        let long = "n".repeat(bytes);
        assert_eq!("".parse::<UserId>(), Err(InvalidName::Empty));
        assert_eq!("~a".parse::<Group>(), Err(InvalidName::Prefix));
        assert_eq!("a\0".parse::<Group>(), Err(InvalidName::Control));
        assert_eq!(long.parse::<UserId>(), Err(InvalidName::TooLong { bytes }));
        assert_eq!(
            long[1..].parse::<Group>().map(|group| group.as_str().len()),
            Ok(NAME_BYTES_MAX)
        );
    }
}
