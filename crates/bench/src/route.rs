use crate::connection::Seen;
use crate::dialect;
use crate::sender::{Answer, Talk};

/// Sends to one connection of a node of Raftwire, each with a result.
#[derive(Debug)]
pub(crate) struct Route {
    /// Head, target and payload.
    message: Vec<u8>,
}

impl Route {
    /// To the connection with this id.
    pub(crate) fn new(target: &str, bytes: usize) -> Route {
        let mut message = dialect::send_head(target);
        message.resize(message.len() + bytes, b'x');
        Route { message }
    }
}

impl Talk for Route {
    fn compose(&mut self, number: u64) -> &[u8] {
        dialect::set_number(&mut self.message, number);
        &self.message
    }

    fn read<'a>(&self, seen: Seen<'a>, _: u64) -> Answer<'a> {
        match dialect::result(seen.beginning) {
            Some((number, outcome)) => Answer::To { number, outcome },
            // An error has no result behind it: the message would be waited for.
            None if seen.beginning.starts_with(b"{\"type\":\"error\"") => {
                Answer::Wrong(String::from_utf8_lossy(seen.beginning).into_owned())
            }
            None => Answer::Nothing,
        }
    }
}
