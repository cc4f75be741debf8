//! What Redis answers, in RESP2: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use bytes::{Buf, Bytes, BytesMut};

/// Longest line: simple strings, errors and lengths. Redis itself writes far shorter ones.
const LINE_BYTES_MAX: usize = 4 * 1024;

/// Largest bulk string: one packet in its envelope, and room for longer answers.
const BULK_BYTES_MAX: usize = 512 * 1024;

/// Elements of one array: an answer to `HELLO` has some 14, or as many as there are modules.
const ELEMENTS_MAX: usize = 1_024;

/// Arrays inside of arrays: `HELLO` tells of modules in three levels.
const DEPTH_MAX: usize = 4;

/// One value from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Simple(Bytes),
    Error(String),
    Integer(i64),
    Bulk(Bytes),
    Null,
    Array(Vec<Value>),
}

impl Value {
    /// The bytes of a string of either kind.
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Simple(bytes) | Self::Bulk(bytes) => Some(bytes),
            Self::Error(_) | Self::Integer(_) | Self::Null | Self::Array(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

/// The server does not speak the protocol, or sends more than is of use here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RespError {
    #[error("the server does not speak the Redis protocol: it sent {0:?} where a value begins")]
    NotRedis(char),
    #[error("the server sent a number that is none")]
    Number,
    #[error("the server sent a {what} of {size}, over the limit of {limit}")]
    TooLarge {
        what: &'static str,
        size: usize,
        limit: usize,
    },
    #[error("the server sent bytes where a line should have ended")]
    Unterminated,
}

/// Takes a value from the front of the buffer; `None`, and nothing taken, when it is not there
/// as a whole.
pub(crate) fn decode(buffer: &mut BytesMut) -> Result<Option<Value>, RespError> {
    // Measured first, so that the strings of a value share the buffer instead of being copied.
    match measure(buffer, 0)? {
        None => Ok(None),
        Some(end) => {
            let mut whole = buffer.split_to(end).freeze();
            take(&mut whole).map(Some)
        }
    }
}

/// Where the value that begins here ends.
fn measure(bytes: &[u8], depth: usize) -> Result<Option<usize>, RespError> {
    let Some((line, mut end)) = line(bytes)? else {
        return Ok(None);
    };
    match bytes[0] {
        b'+' | b'-' | b':' => Ok(Some(end)),
        b'$' => {
            if let Some(length) = length(line, "string", BULK_BYTES_MAX)? {
                end += length + 2;
                if bytes.len() < end {
                    return Ok(None);
                }
                if &bytes[end - 2..end] != b"\r\n" {
                    return Err(RespError::Unterminated);
                }
            }
            Ok(Some(end))
        }
        b'*' => {
            if depth == DEPTH_MAX {
                return Err(RespError::TooLarge {
                    what: "nest of arrays",
                    size: depth + 1,
                    limit: DEPTH_MAX,
                });
            }
            let elements = length(line, "array", ELEMENTS_MAX)?.unwrap_or(0);
            for _ in 0..elements {
                match measure(&bytes[end..], depth + 1)? {
                    None => return Ok(None),
                    Some(further) => end += further,
                }
            }
            Ok(Some(end))
        }
        other => Err(RespError::NotRedis(char::from(other))),
    }
}

/// The line at the front without its type and its end, and where the next one begins.
fn line(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, RespError> {
    let Some(first) = bytes.first() else {
        return Ok(None);
    };
    if !b"+-:$*".contains(first) {
        return Err(RespError::NotRedis(char::from(*first)));
    }
    let within = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    match within.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) => Ok(Some((&bytes[1..end], end + 2))),
        None if bytes.len() >= LINE_BYTES_MAX => Err(RespError::TooLarge {
            what: "line",
            size: bytes.len(),
            limit: LINE_BYTES_MAX,
        }),
        None => Ok(None),
    }
}

/// A length; `None` for the -1 that stands for nothing.
fn length(line: &[u8], what: &'static str, limit: usize) -> Result<Option<usize>, RespError> {
    let length = number(line)?;
    if length == -1 {
        return Ok(None);
    }
    let size = usize::try_from(length).map_err(|_| RespError::Number)?;
    if size > limit {
        return Err(RespError::TooLarge { what, size, limit });
    }
    Ok(Some(size))
}

fn number(line: &[u8]) -> Result<i64, RespError> {
    let text = std::str::from_utf8(line).map_err(|_| RespError::Number)?;
    text.parse().map_err(|_| RespError::Number)
}

/// Takes a value that has been measured.
fn take(bytes: &mut Bytes) -> Result<Value, RespError> {
    let Some((text, end)) = line(bytes)? else {
        return Err(RespError::Unterminated);
    };
    let kind = bytes[0];
    let text = bytes.slice(1..1 + text.len());
    bytes.advance(end);
    let value = match kind {
        b'+' => Value::Simple(text),
        b'-' => Value::Error(String::from_utf8_lossy(&text).into_owned()),
        b':' => Value::Integer(number(&text)?),
        b'$' => match length(&text, "string", BULK_BYTES_MAX)? {
            None => Value::Null,
            Some(length) => {
                let bulk = bytes.split_to(length);
                bytes.advance(2);
                Value::Bulk(bulk)
            }
        },
        _ => match length(&text, "array", ELEMENTS_MAX)? {
            None => Value::Null,
            Some(elements) => {
                let elements = (0..elements).map(|_| take(bytes));
                Value::Array(elements.collect::<Result<_, _>>()?)
            }
        },
    };
    Ok(value)
}

/// Appends a command.
pub(crate) fn encode(buffer: &mut BytesMut, parts: &[&[u8]]) {
    begin(buffer, parts.len());
    for part in parts {
        encode_part(buffer, &[part]);
    }
}

/// Appends the beginning of a command of so many parts.
pub(crate) fn begin(buffer: &mut BytesMut, parts: usize) {
    buffer.extend_from_slice(format!("*{parts}\r\n").as_bytes());
}

/// Appends one part of a command, put together of pieces.
pub(crate) fn encode_part(buffer: &mut BytesMut, pieces: &[&[u8]]) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    buffer.extend_from_slice(format!("${length}\r\n").as_bytes());
    for piece in pieces {
        buffer.extend_from_slice(piece);
    }
    buffer.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use raftwire_protocol::limits::DATA_PACKET_BYTES_MAX;

    use super::*;

    const _: () = assert!(BULK_BYTES_MAX >= DATA_PACKET_BYTES_MAX + 1_024);

    fn bulk(text: &'static str) -> Value {
        Value::Bulk(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn values_of_every_kind_are_read_however_they_come() {
        let wire = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\n\r\n\r\n+OK\r\n-ERR no\r\n:-3\r\n$-1\r\n*-1\r\n*0\r\n";
        let expected = [
            Value::Array(vec![bulk("message"), bulk("c"), bulk("\r\n")]),
            Value::Simple(Bytes::from_static(b"OK")),
            Value::Error("ERR no".to_owned()),
            Value::Integer(-3),
            Value::Null,
            Value::Null,
            Value::Array(Vec::new()),
        ];
        for chunk in [1, 2, 3, 7, wire.len()] {
            let mut buffer = BytesMut::new();
            let mut read = Vec::new();
            for bytes in wire.chunks(chunk) {
                buffer.extend_from_slice(bytes);
                while let Some(value) = decode(&mut buffer).unwrap() {
                    read.push(value);
                }
            }
            assert_eq!(read, expected, "in pieces of {chunk}");
        }
    }

    #[test]
    fn what_is_not_redis_is_refused() {
        for wire in [
            "HTTP/1.1 400 Bad Request\r\n",
            "$x\r\n",
            "$-2\r\n",
            "$1\r\nabc",
            "$99999999999\r\n",
            "*2000\r\n",
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        ] {
            let mut buffer = BytesMut::from(wire);
            assert!(decode(&mut buffer).is_err(), "{wire:?}");
        }
        let mut endless = BytesMut::from(&vec![b'+'; LINE_BYTES_MAX][..]);
        assert!(decode(&mut endless).is_err());
    }

    #[test]
    fn command_is_an_array_of_strings() {
        let mut buffer = BytesMut::new();
        encode(&mut buffer, &[b"PUBLISH", b"c", b""]);

        assert_eq!(&buffer[..], b"*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$0\r\n\r\n");
    }
}
