use crate::connection::Seen;
use crate::dialect::{self, DELIVERED, NUMBER_BYTES};
use crate::sender::{Answer, Talk};

/// Sends to one connection of a node of Raftwire, each with a result.
#[derive(Debug)]
pub(crate) struct Route {
    /// Head, target and payload.
    message: Vec<u8>,
    /// Where the payload has the message's number, if its receiver answers it.
    number_at: Option<usize>,
}

impl Route {
    /// To the connection with this id.
    pub(crate) fn new(target: &str, bytes: usize, is_answered_by_arrival: bool) -> Route {
        let mut message = dialect::send_head(target);
        let number_at = is_answered_by_arrival.then_some(message.len());
        message.resize(message.len() + bytes, b'x');
        Route { message, number_at }
    }
}

impl Talk for Route {
    fn compose(&mut self, number: u64) -> &[u8] {
        dialect::set_number(&mut self.message, number);
        if let Some(at) = self.number_at {
            self.message[at..at + NUMBER_BYTES].copy_from_slice(&number.to_be_bytes());
        }
        &self.message
    }

    fn read<'a>(&self, seen: Seen<'a>, _: u64) -> Answer<'a> {
        match dialect::result(seen.beginning) {
            Some((_, outcome @ DELIVERED)) if self.number_at.is_some() => Answer::Said(outcome),
            Some((number, outcome)) if self.number_at.is_some() => {
                Answer::NotArriving { number, outcome }
            }
            _ => result_of(seen),
        }
    }
}

/// What a node says to a sender that waits for results.
pub(crate) fn result_of(seen: Seen<'_>) -> Answer<'_> {
    match dialect::result(seen.beginning) {
        Some((number, outcome)) => Answer::To { number, outcome },
        // An error has no result behind it: the message would be waited for.
        None if seen.beginning.starts_with(dialect::ERROR) => {
            Answer::Wrong(String::from_utf8_lossy(seen.beginning).into_owned())
        }
        None => Answer::Nothing,
    }
}
