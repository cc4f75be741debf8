use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Bytes of the shortest secret. Whoever records a hello can try secrets against it as fast as he
/// computes; 16 random bytes are beyond that, a word is not.
pub const SECRET_BYTES_MIN: usize = 16;

/// Bytes of the longest secret: HMAC-SHA256 gains nothing from more than 64, a file given by
/// mistake is larger.
pub const SECRET_BYTES_MAX: usize = 1024;

/// What all nodes of a cluster know and strangers do not. It never leaves the node.
///
/// [`Debug`] prints nothing of it, and there is no `Display`.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Takes the bytes as they are.
    ///
    /// # Errors
    ///
    /// If they are fewer than [`SECRET_BYTES_MIN`] or more than [`SECRET_BYTES_MAX`].
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Secret, InvalidSecret> {
        let bytes = bytes.as_ref();
        if bytes.len() < SECRET_BYTES_MIN {
            return Err(InvalidSecret::TooShort { bytes: bytes.len() });
        }
        if bytes.len() > SECRET_BYTES_MAX {
            return Err(InvalidSecret::TooLong { bytes: bytes.len() });
        }
        Ok(Secret(Arc::from(bytes)))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Secret, InvalidSecret> {
        Secret::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why bytes cannot be a [`Secret`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSecret {
    /// Too easy to guess.
    #[error(
        "the cluster's secret has {bytes} bytes and needs at least {SECRET_BYTES_MIN}; make one with \
         `openssl rand -base64 32`"
    )]
    TooShort {
        /// Its length.
        bytes: usize,
    },
    /// Not a secret, by all appearances.
    #[error("the cluster's secret has {bytes} bytes; {SECRET_BYTES_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_neither_guessed_nor_printed() {
        assert_eq!(
            Secret::new("short").err(),
            Some(InvalidSecret::TooShort { bytes: 5 })
        );
        assert_eq!(
            Secret::new([0; 1025]).err(),
            Some(InvalidSecret::TooLong { bytes: 1025 })
        );
        let secret: Secret = "0123456789abcdef".parse().expect("long enough");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
