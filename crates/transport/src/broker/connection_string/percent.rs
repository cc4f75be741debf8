//! Percent-encoding, in connection strings and in the names of channels.

/// A `%` is not followed by two hexadecimal digits, or what comes out is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a % is not followed by two hexadecimal digits: write %25 for it")]
pub struct NotEscaped;

/// Undoes `%40` and the like.
///
/// # Errors
///
/// If a `%` stands for nothing.
pub fn unescaped(text: &str) -> Result<String, NotEscaped> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(NotEscaped);
        };
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| NotEscaped)
}

/// The same text for the same name only, of `A-Z a-z 0-9 . _ - / %`: for names on a broker, where
/// other characters may have a meaning.
pub fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'/' => {
                text.push(char::from(byte));
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_escaped_comes_back() {
        for text in ["", "plain", "p@ss:/,%", "ä{}"] {
            assert_eq!(unescaped(&escaped(text)).unwrap(), text);
        }
    }

    #[test]
    fn percent_that_stands_for_nothing_is_refused() {
        for text in ["%", "%4", "%zz", "%FF"] {
            assert_eq!(unescaped(text), Err(NotEscaped), "{text}");
        }
    }
}
