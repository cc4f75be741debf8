use raftwire_websocket::MessageKind;

use crate::connection::Seen;
use crate::sender::{Answer, Talk};

/// Messages that come back as they are, in order.
#[derive(Debug)]
pub(crate) struct Echo {
    /// Begins with the message's number, as many of its bytes as fit.
    payload: Vec<u8>,
}

impl Echo {
    pub(crate) fn new(bytes: usize) -> Echo {
        Echo {
            payload: vec![b'x'; bytes],
        }
    }
}

impl Talk for Echo {
    fn compose(&mut self, number: u64) -> &[u8] {
        let number = number.to_le_bytes();
        let len = number.len().min(self.payload.len());
        self.payload[..len].copy_from_slice(&number[..len]);
        &self.payload
    }

    fn read<'a>(&self, seen: Seen<'a>, oldest: u64) -> Answer<'a> {
        let number = oldest.to_le_bytes();
        let len = number.len().min(self.payload.len());
        if seen.kind != MessageKind::Binary || seen.len != self.payload.len() as u64 {
            return Answer::Wrong(format!(
                "the server does not echo: a {:?} message of {} bytes came back for a binary one of {}",
                seen.kind,
                seen.len,
                self.payload.len()
            ));
        }
        if seen.beginning[..len] != number[..len] {
            return Answer::Wrong(format!("message {oldest} did not come back in its turn"));
        }
        Answer::To {
            number: oldest,
            outcome: "echoed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_of_another_length_or_out_of_turn_is_wrong() {
        let mut echo = Echo::new(10);
        let payload = echo.compose(3).to_vec();
        let read = |len: usize, oldest| {
            let seen = Seen {
                kind: MessageKind::Binary,
                beginning: &payload[..len],
                len: len as u64,
            };
            matches!(echo.read(seen, oldest), Answer::To { number: 3, .. })
        };
        assert!(read(10, 3));
        assert!(!read(9, 3));
        assert!(!read(10, 2));
    }
}
