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
    /// The first reserved bit: the message that begins here is compressed (RFC 7692 §6).
    pub(crate) is_deflated: bool,
    pub(crate) len: u64,
    pub(crate) mask: Option<[u8; 4]>,
}

/// Who reads a head, and what was agreed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    pub(crate) role: Role,
    /// Whether messages may be compressed.
    pub(crate) may_be_deflated: bool,
}

impl Header {
    /// Reads a head from the beginning of `bytes`, and how long it is; `None` while it is not whole.
    /// What is wrong is found with the first byte that says so.
    pub(crate) fn read(
        bytes: &[u8],
        reader: Reader,
    ) -> Result<Option<(Header, usize)>, ProtocolError> {
        let Some(first) = bytes.first() else {
            return Ok(None);
        };
        let is_deflated = first & 0x40 != 0;
        if first & 0x30 != 0 || is_deflated && !reader.may_be_deflated {
            return Err(ProtocolError::ReservedBit);
        }
        let opcode = Opcode::from_bits(first & 0x0f)?;
        // Neither the rest of a message nor a control frame can be compressed by itself.
        if is_deflated && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(ProtocolError::ReservedBit);
        }
        let is_final = first & 0x80 != 0;
        if opcode.is_control() && !is_final {
            return Err(ProtocolError::Control);
        }
        let Some(second) = bytes.get(1) else {
            return Ok(None);
        };
        let is_masked = second & 0x80 != 0;
        if is_masked != (reader.role == Role::Server) {
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
            is_deflated,
            len,
            mask,
        };
        Ok(Some((header, bytes.len() - rest.len())))
    }

    /// Writes the head, and says how long it is.
    pub(crate) fn write(&self, bytes: &mut [u8; HEADER_BYTES_MAX]) -> usize {
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        bytes[0] = self.opcode.bits()
            | if self.is_final { 0x80 } else { 0 }
            | if self.is_deflated { 0x40 } else { 0 };
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

    fn reader(role: Role, may_be_deflated: bool) -> Reader {
        Reader {
            role,
            may_be_deflated,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            opcode in opcode(),
            is_final: bool,
            is_deflated: bool,
            len in prop_oneof![0_u64..130, 65_500..65_600_u64, 0..1_u64 << 63],
            mask: Option<[u8; 4]>,
        ) {
            let header = Header {
                opcode,
                is_final: is_final || opcode.is_control(),
                is_deflated: is_deflated && matches!(opcode, Opcode::Text | Opcode::Binary),
                len: if opcode.is_control() { len % 126 } else { len },
                mask,
            };
            let role = if mask.is_some() { Role::Server } else { Role::Client };
            let reader = reader(role, true);
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
        let read = |bytes: &[u8]| Header::read(bytes, reader(Role::Server, false)).unwrap_err();
        assert_eq!(read(&[0xc1]), ProtocolError::ReservedBit);
        assert_eq!(read(&[0x83]), ProtocolError::Opcode(3));
        assert_eq!(read(&[0x81, 0x01]), ProtocolError::Mask);
        assert_eq!(read(&[0x09]), ProtocolError::Control);
        assert_eq!(read(&[0x89, 0xfe]), ProtocolError::Control);
        assert_eq!(read(&[0x81, 0xfe, 0, 125]), ProtocolError::Length);
        let far = [0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(read(&far), ProtocolError::Length);
        let masked = Header::read(&[0x81, 0x81], reader(Role::Client, false));
        assert_eq!(masked, Err(ProtocolError::Mask));
    }

    #[test]
    fn only_the_first_frame_of_a_message_says_that_it_is_compressed() {
        let read = |byte: u8| Header::read(&[byte], reader(Role::Client, true));
        assert_eq!(read(0xc1), Ok(None));
        assert_eq!(read(0x42), Ok(None));
        for wrong in [0xc0, 0xc8, 0xc9, 0xca, 0xe1, 0xd1] {
            assert_eq!(read(wrong), Err(ProtocolError::ReservedBit), "{wrong:x}");
        }
    }
}
