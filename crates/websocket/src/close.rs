use crate::ProtocolError;
use crate::utf8::Utf8;

/// Why the peer closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// The code (RFC 6455 §7.4).
    pub code: u16,
    /// For people; may be empty.
    pub text: String,
}

impl CloseReason {
    /// Reads the payload of a close frame.
    pub(crate) fn from_payload(payload: &[u8]) -> Result<Option<CloseReason>, ProtocolError> {
        let Some((code, text)) = payload.split_first_chunk::<2>() else {
            return match payload {
                [] => Ok(None),
                _ => Err(ProtocolError::ClosePayload),
            };
        };
        let code = u16::from_be_bytes(*code);
        if !is_sendable(code) {
            return Err(ProtocolError::CloseCode(code));
        }
        let mut utf8 = Utf8::default();
        if utf8.take(text).is_err() || !utf8.is_whole() {
            return Err(ProtocolError::NotUtf8);
        }
        let text = String::from_utf8_lossy(text).into_owned();
        Ok(Some(CloseReason { code, text }))
    }
}

/// Whether a code may stand in a close frame: 1004 to 1006 and 1015 say what no frame says, those
/// up to 2999 are the protocol's, and the rest is for libraries and applications (RFC 6455 §7.4.2;
/// 1012 to 1014 are in IANA's registry).
fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_a_code_that_may_be_sent_and_a_text() {
        let read = |payload: &[u8]| CloseReason::from_payload(payload);
        assert_eq!(read(b""), Ok(None));
        let reason = read(b"\x03\xe8bye").unwrap().unwrap();
        assert_eq!((reason.code, reason.text.as_str()), (1000, "bye"));
        assert_eq!(read(b"\x03"), Err(ProtocolError::ClosePayload));
        assert_eq!(read(b"\x03\xe8\xc3"), Err(ProtocolError::NotUtf8));
        for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
            assert_eq!(
                read(&code.to_be_bytes()),
                Err(ProtocolError::CloseCode(code))
            );
        }
    }
}
