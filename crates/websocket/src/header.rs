//! The head of a frame (RFC 6455 §5.2).

use crate::{CONTROL_BYTES_MAX, ProtocolError, Role};

/// The most bytes of a head: two, eight of length, four of mask.
pub(crate) const HEADER_BYTES_MAX: usize = 14;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Result<Opcode, ProtocolError> {
        Ok(match bits {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xa => Opcode::Pong,
            other => return Err(ProtocolError::Opcode(other)),
        })
    }

    pub(crate) fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xa,
        }
    }

    pub(crate) fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// A frame's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) opcode: Opcode,
    pub(crate) is_final: bool,
    pub(crate) len: u64,
    pub(crate) mask: Option<[u8; 4]>,
}

impl Header {
    /// Reads a head from the beginning of `bytes`, and how long it is; `None` while it is not whole.
    /// What is wrong is found with the first byte that says so.
    pub(crate) fn read(
        bytes: &[u8],
        reader: Role,
    ) -> Result<Option<(Header, usize)>, ProtocolError> {
        let Some(first) = bytes.first() else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(ProtocolError::ReservedBit);
        }
        let opcode = Opcode::from_bits(first & 0x0f)?;
        let is_final = first & 0x80 != 0;
        if opcode.is_control() && !is_final {
            return Err(ProtocolError::Control);
        }
        let Some(second) = bytes.get(1) else {
            return Ok(None);
        };
        let is_masked = second & 0x80 != 0;
        if is_masked != (reader == Role::Server) {
            return Err(ProtocolError::Mask);
        }
        let short = second & 0x7f;
        if opcode.is_control() && usize::from(short) > CONTROL_BYTES_MAX {
            return Err(ProtocolError::Control);
        }
        let rest = &bytes[2..];
        let (len, rest) = match short {
            126 => match rest.split_first_chunk::<2>() {
                Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk::<8>() {
                Some((len, rest)) => (u64::from_be_bytes(*len), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        let is_written_right = match short {
            126 => len > 125,
            127 => len > u64::from(u16::MAX) && len >> 63 == 0,
            _ => true,
        };
        if !is_written_right {
            return Err(ProtocolError::Length);
        }
        let (mask, rest) = if is_masked {
            match rest.split_first_chunk::<4>() {
                Some((mask, rest)) => (Some(*mask), rest),
                None => return Ok(None),
            }
        } else {
            (None, rest)
        };
        let header = Header {
            opcode,
            is_final,
            len,
            mask,
        };
        Ok(Some((header, bytes.len() - rest.len())))
    }

    /// Writes the head, and says how long it is.
    pub(crate) fn write(&self, bytes: &mut [u8; HEADER_BYTES_MAX]) -> usize {
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        bytes[0] = self.opcode.bits() | if self.is_final { 0x80 } else { 0 };
        let at = match self.len {
            len @ 0..=125 => {
                bytes[1] = masked | len as u8;
                2
            }
            len @ 126..=0xffff => {
                bytes[1] = masked | 126;
                bytes[2..4].copy_from_slice(&(len as u16).to_be_bytes());
                4
            }
            len => {
                bytes[1] = masked | 127;
                bytes[2..10].copy_from_slice(&len.to_be_bytes());
                10
            }
        };
        let Some(mask) = self.mask else {
            return at;
        };
        bytes[at..at + 4].copy_from_slice(&mask);
        at + 4
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn opcode() -> impl Strategy<Value = Opcode> {
        prop_oneof![
            Just(Opcode::Continuation),
            Just(Opcode::Text),
            Just(Opcode::Binary),
            Just(Opcode::Close),
            Just(Opcode::Ping),
            Just(Opcode::Pong),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            opcode in opcode(),
            is_final: bool,
            len in prop_oneof![0_u64..130, 65_500..65_600_u64, 0..1_u64 << 63],
            mask: Option<[u8; 4]>,
        ) {
            let header = Header {
                opcode,
                is_final: is_final || opcode.is_control(),
                len: if opcode.is_control() { len % 126 } else { len },
                mask,
            };
            let reader = if mask.is_some() { Role::Server } else { Role::Client };
            let mut bytes = [0; HEADER_BYTES_MAX];
            let written = header.write(&mut bytes);
            prop_assert_eq!(Header::read(&bytes[..written], reader), Ok(Some((header, written))));
            for short in 0..written {
                prop_assert_eq!(Header::read(&bytes[..short], reader), Ok(None));
            }
        }
    }

    #[test]
    fn each_wrong_head_is_refused_for_what_is_wrong() {
        let read = |bytes: &[u8]| Header::read(bytes, Role::Server).unwrap_err();
        assert_eq!(read(&[0xc1]), ProtocolError::ReservedBit);
        assert_eq!(read(&[0x83]), ProtocolError::Opcode(3));
        assert_eq!(read(&[0x81, 0x01]), ProtocolError::Mask);
        assert_eq!(read(&[0x09]), ProtocolError::Control);
        assert_eq!(read(&[0x89, 0xfe]), ProtocolError::Control);
        assert_eq!(read(&[0x81, 0xfe, 0, 125]), ProtocolError::Length);
        let far = [0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(read(&far), ProtocolError::Length);
        let masked = Header::read(&[0x81, 0x81], Role::Client);
        assert_eq!(masked, Err(ProtocolError::Mask));
    }
}
