use std::time::Duration;

/// The longest that connecting may be set to take: beyond it somebody has mistaken the unit.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// An option of a connection string that cannot be taken as it is. Shows no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOption {
    /// There is no such option.
    #[error("there is no option {name:?}; the nearest one is {nearest:?}")]
    Unknown {
        /// What it says.
        name: String,
        /// What may be meant.
        nearest: &'static str,
    },
    /// An option has a value that it cannot have.
    #[error("option {name} must be {expected}")]
    Value {
        /// The option.
        name: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// An option asks for something that this transport does not do.
    #[error("option {name} is not supported: {reason}")]
    Unsupported {
        /// The option.
        name: &'static str,
        /// Why not, and what to do.
        reason: &'static str,
    },
}

impl InvalidOption {
    /// There is no option of this name, in whatever case; of those that there are, the nearest one is
    /// told.
    pub fn unknown(name: &str, known: impl IntoIterator<Item = &'static str>) -> Self {
        let lower = name.to_ascii_lowercase();
        let likeness = |known: &str| strsim::jaro_winkler(&lower, &known.to_ascii_lowercase());
        let nearest = known
            .into_iter()
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        Self::Unknown {
            name: name.to_owned(),
            nearest: nearest.unwrap_or_default(),
        }
    }
}

/// An option that is known, with the value that it was given.
#[derive(Clone, Copy)]
pub struct ConnectionOption<'a> {
    name: &'static str,
    value: &'a str,
}

impl<'a> ConnectionOption<'a> {
    /// An option as its errors are to name it.
    pub const fn new(name: &'static str, value: &'a str) -> Self {
        Self { name, value }
    }

    /// Its value, if it has one.
    pub fn text(self) -> Option<String> {
        (!self.value.is_empty()).then(|| self.value.to_owned())
    }

    /// Yes or no, in the words that people use.
    ///
    /// # Errors
    ///
    /// [`InvalidOption::Value`].
    pub fn boolean(self) -> Result<bool, InvalidOption> {
        match self.value.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(self.must_be("true or false")),
        }
    }

    /// How long connecting may take, in milliseconds.
    ///
    /// # Errors
    ///
    /// [`InvalidOption::Value`].
    pub fn connect_timeout(self) -> Result<Duration, InvalidOption> {
        let milliseconds = self.value.parse().ok().map(Duration::from_millis);
        milliseconds
            .filter(|timeout| !timeout.is_zero() && *timeout <= CONNECT_TIMEOUT_MAX)
            .ok_or(self.must_be("a number of milliseconds from 1 to 60000"))
    }

    /// It has a value that it cannot have.
    pub const fn must_be(self, expected: &'static str) -> InvalidOption {
        InvalidOption::Value {
            name: self.name,
            expected,
        }
    }

    /// It asks for something that the transport does not do; the reason says what to do.
    pub const fn unsupported(self, reason: &'static str) -> InvalidOption {
        InvalidOption::Unsupported {
            name: self.name,
            reason,
        }
    }
}

impl std::fmt::Debug for ConnectionOption<'_> {
    /// Without the value, which may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ConnectionOption").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_option_is_told_whatever_its_case() {
        let unknown = InvalidOption::unknown("PASWORD", ["user", "Password"]);
        assert_eq!(
            unknown.to_string(),
            "there is no option \"PASWORD\"; the nearest one is \"Password\""
        );
    }

    #[test]
    fn value_that_cannot_be_is_not_shown() {
        let option = |value| ConnectionOption::new("timeout", value);
        assert_eq!(option("On").boolean(), Ok(true));
        assert_eq!(
            option("250").connect_timeout(),
            Ok(Duration::from_millis(250))
        );
        for wrong in ["", "0", "60001", "hunter2"] {
            let error = option(wrong).connect_timeout().unwrap_err();
            assert_eq!(
                error.to_string(),
                "option timeout must be a number of milliseconds from 1 to 60000"
            );
        }
        assert!(option("hunter2").boolean().is_err());
    }
}
