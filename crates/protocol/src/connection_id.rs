use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::MintedId;

/// Which connection of the cluster a message is for.
///
/// As text it is `~` and the 22 characters of the sixteen bytes in base64url without padding (RFC
/// 4648 §5): 23 characters that need no escaping in a URL, a header or a file name.
///
/// # Examples
///
/// ```
/// use raftwire_protocol::ConnectionId;
///
/// let id: ConnectionId = "~AQIDBAUGBwgJCgsMDQ4PEA".parse()?;
/// assert_eq!(id.as_bytes(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
/// assert_eq!(id.to_string(), "~AQIDBAUGBwgJCgsMDQ4PEA");
/// # Ok::<(), raftwire_protocol::InvalidConnectionId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ConnectionId {
    /// Minted by the node that accepted the socket.
    Minted(MintedId),
}

/// The first character of a minted id's text.
const MINTED_PREFIX: char = '~';

/// Characters of sixteen bytes in base64 without padding.
const ENCODED_CHARACTERS: usize = 22;

impl ConnectionId {
    /// Characters, and bytes, of a minted id's text.
    pub const TEXT_BYTES: usize = 1 + ENCODED_CHARACTERS;

    /// Its sixteen bytes on the wire.
    pub const fn as_bytes(&self) -> [u8; 16] {
        match self {
            ConnectionId::Minted(id) => id.to_bytes(),
        }
    }

    /// The id of these sixteen bytes from the wire; every pattern is one.
    pub const fn from_bytes(bytes: [u8; 16]) -> ConnectionId {
        ConnectionId::Minted(MintedId::from_bytes(bytes))
    }
}

impl From<MintedId> for ConnectionId {
    fn from(id: MintedId) -> ConnectionId {
        ConnectionId::Minted(id)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; ConnectionId::TEXT_BYTES];
        text[0] = MINTED_PREFIX as u8;
        URL_SAFE_NO_PAD
            .encode_slice(self.as_bytes(), &mut text[1..])
            .map_err(|_| fmt::Error)?;
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ConnectionId {
    type Err = InvalidConnectionId;

    /// Reads what [`Display`](fmt::Display) writes, and nothing else: two texts are never the same
    /// connection.
    fn from_str(text: &str) -> Result<ConnectionId, InvalidConnectionId> {
        let encoded = text
            .strip_prefix(MINTED_PREFIX)
            .ok_or(InvalidConnectionId::Prefix)?;
        if encoded.len() != ENCODED_CHARACTERS {
            return Err(InvalidConnectionId::Length { bytes: text.len() });
        }
        let mut bytes = [0; 16];
        // 22 characters have four bits more than sixteen bytes; the decoder refuses them unless
        // they are zero.
        match URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes) {
            Ok(16) => Ok(ConnectionId::from_bytes(bytes)),
            Ok(_) | Err(_) => Err(InvalidConnectionId::Encoding),
        }
    }
}

/// Why a text is not a [`ConnectionId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConnectionId {
    /// It does not begin with `~`.
    #[error(
        "a connection id is `~` and 22 characters of base64url; this one does not begin with `~`"
    )]
    Prefix,
    /// It has not 23 bytes.
    #[error("a connection id is `~` and 22 characters of base64url; this one has {bytes} bytes")]
    Length {
        /// Bytes of the whole text.
        bytes: usize,
    },
    /// It is not base64url, or not in the one form that such an id is written in.
    #[error("a connection id is `~` and 22 characters of base64url; this one is not written so")]
    Encoding,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_is_pinned() {
        assert_eq!(
            ConnectionId::from_bytes([0; 16]).to_string(),
            "~AAAAAAAAAAAAAAAAAAAAAA"
        );
        assert_eq!(
            ConnectionId::from_bytes([0xff; 16]).to_string(),
            "~_____________________w"
        );
        assert_eq!(format!("{:?}", ConnectionId::from_bytes([0; 16])).len(), 23);
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
        assert_eq!(parse(""), Err(InvalidConnectionId::Prefix));
        assert_eq!(
            parse("AAAAAAAAAAAAAAAAAAAAAA"),
            Err(InvalidConnectionId::Prefix)
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

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes: [u8; 16]) {
            let id = ConnectionId::from_bytes(bytes);
            let text = id.to_string();
            prop_assert_eq!(text.len(), ConnectionId::TEXT_BYTES);
            prop_assert_eq!(text.parse::<ConnectionId>(), Ok(id));
            prop_assert_eq!(id.as_bytes(), bytes);
        }

        #[test]
        fn any_text_is_refused_or_the_only_one_of_its_id(text in "~?[A-Za-z0-9_=~ -]{0,26}") {
            if let Ok(id) = text.parse::<ConnectionId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
