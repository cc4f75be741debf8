use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{InvalidName, MintedId, Name};

/// Which connection of the cluster a message is for.
///
/// As text, a minted id is `~` and the 22 characters of its sixteen bytes in base64url without
/// padding (RFC 4648 §5): 23 characters that need no escaping in a URL, a header or a file name. A
/// name is its own text, and never begins with `~`.
///
/// # Examples
///
/// ```
/// use raftwire_protocol::{ConnectionId, MintedId};
///
/// let id: ConnectionId = "~AQIDBAUGBwgJCgsMDQ4PEA".parse()?;
/// let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
/// assert_eq!(id, ConnectionId::Minted(MintedId::from_bytes(bytes)));
/// assert_eq!(id.to_string(), "~AQIDBAUGBwgJCgsMDQ4PEA");
///
/// let named: ConnectionId = "alice@phone".parse()?;
/// assert_eq!(named, ConnectionId::Named("alice@phone".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectionId {
    /// Minted by the node that accepted the socket.
    Minted(MintedId),
    /// Chosen by the application, and registered by the node that holds the socket.
    Named(Name),
}

/// The first character of a minted id's text.
const MINTED_PREFIX: char = '~';

/// Characters of sixteen bytes in base64 without padding.
const ENCODED_CHARACTERS: usize = 22;

impl ConnectionId {
    /// Characters, and bytes, of a minted id's text.
    pub const MINTED_TEXT_BYTES: usize = 1 + ENCODED_CHARACTERS;
}

impl From<MintedId> for ConnectionId {
    fn from(id: MintedId) -> ConnectionId {
        ConnectionId::Minted(id)
    }
}

impl From<Name> for ConnectionId {
    fn from(name: Name) -> ConnectionId {
        ConnectionId::Named(name)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = match self {
            ConnectionId::Minted(id) => id,
            ConnectionId::Named(name) => return fmt::Display::fmt(name, f),
        };
        let mut text = [0; ConnectionId::MINTED_TEXT_BYTES];
        text[0] = MINTED_PREFIX as u8;
        URL_SAFE_NO_PAD
            .encode_slice(id.to_bytes(), &mut text[1..])
            .map_err(|_| fmt::Error)?;
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionId::Minted(_) => fmt::Display::fmt(self, f),
            ConnectionId::Named(name) => fmt::Debug::fmt(name, f),
        }
    }
}

impl FromStr for ConnectionId {
    type Err = InvalidConnectionId;

    /// Reads what [`Display`](fmt::Display) writes, and nothing else: two texts are never the same
    /// connection.
    fn from_str(text: &str) -> Result<ConnectionId, InvalidConnectionId> {
        let Some(encoded) = text.strip_prefix(MINTED_PREFIX) else {
            return Ok(ConnectionId::Named(text.parse()?));
        };
        if encoded.len() != ENCODED_CHARACTERS {
            return Err(InvalidConnectionId::Length { bytes: text.len() });
        }
        let mut bytes = [0; 16];
        // 22 characters have four bits more than sixteen bytes; the decoder refuses them unless
        // they are zero.
        match URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes) {
            Ok(16) => Ok(ConnectionId::Minted(MintedId::from_bytes(bytes))),
            Ok(_) | Err(_) => Err(InvalidConnectionId::Encoding),
        }
    }
}

/// Why a text is not a [`ConnectionId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConnectionId {
    /// It does not begin with `~`, and is no name either.
    #[error("neither an id that a node gave, which begins with `~`, nor a name: {0}")]
    Name(#[from] InvalidName),
    /// It begins with `~` and has not 23 bytes.
    #[error(
        "an id that a node gave is `~` and 22 characters of base64url; this one has {bytes} bytes"
    )]
    Length {
        /// Bytes of the whole text.
        bytes: usize,
    },
    /// It is not base64url, or not in the one form that such an id is written in.
    #[error(
        "an id that a node gave is `~` and 22 characters of base64url; this one is not written so"
    )]
    Encoding,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::NAME_BYTES_MAX;

    fn minted(bytes: [u8; 16]) -> ConnectionId {
        ConnectionId::Minted(MintedId::from_bytes(bytes))
    }

    #[test]
    fn the_text_is_pinned() {
        assert_eq!(minted([0; 16]).to_string(), "~AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(minted([0xff; 16]).to_string(), "~_____________________w");
        assert_eq!(format!("{:?}", minted([0; 16])).len(), 23);
    }

    #[test]
    fn a_text_with_bits_to_spare_is_refused() {
        // The last character carries two bits of the id and four that must be zero.
        assert!("~AAAAAAAAAAAAAAAAAAAAAQ".parse::<ConnectionId>().is_ok());
        for last in ['B', 'P', 'R', '_'] {
            let text = format!("~AAAAAAAAAAAAAAAAAAAAA{last}");
            assert_eq!(
                text.parse::<ConnectionId>(),
                Err(InvalidConnectionId::Encoding)
            );
        }
    }

    #[test]
    fn a_text_of_another_shape_is_refused_with_its_fault() {
        let parse = |text: &str| text.parse::<ConnectionId>();
        assert_eq!(
            parse(""),
            Err(InvalidConnectionId::Name(InvalidName::Empty))
        );
        let bytes = NAME_BYTES_MAX + 1;
        assert_eq!(
            parse(&"n".repeat(bytes)),
            Err(InvalidConnectionId::Name(InvalidName::TooLong { bytes }))
        );
        assert_eq!(parse("~"), Err(InvalidConnectionId::Length { bytes: 1 }));
        assert_eq!(
            parse("~AAAAAAAAAAAAAAAAAAAAAA=="),
            Err(InvalidConnectionId::Length { bytes: 25 })
        );
        assert_eq!(
            parse("~AAAAAAAAAAAAAAAAAAAA=="),
            Err(InvalidConnectionId::Encoding)
        );
        assert_eq!(
            parse("~AAAAAAAAAAAAAAAAAAAA+A"),
            Err(InvalidConnectionId::Encoding)
        );
        assert_eq!(
            parse("~AAAAAAAAAAAAAAAAAAAA A"),
            Err(InvalidConnectionId::Encoding)
        );
    }

    #[test]
    fn what_does_not_begin_with_a_tilde_is_a_name() {
        for text in ["alice", "AAAAAAAAAAAAAAAAAAAAAA", "a~b", "grüße 7"] {
            let id: ConnectionId = text.parse().expect("a name");

            assert_eq!(id, ConnectionId::Named(text.parse().expect("a name")));
            assert_eq!(id.to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes: [u8; 16]) {
            let id = minted(bytes);
            let text = id.to_string();
            prop_assert_eq!(text.len(), ConnectionId::MINTED_TEXT_BYTES);
            prop_assert_eq!(text.parse::<ConnectionId>(), Ok(id));
        }

        #[test]
        fn any_text_is_refused_or_the_only_one_of_its_id(text in "~?[A-Za-z0-9_=~ -]{0,26}") {
            if let Ok(id) = text.parse::<ConnectionId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
