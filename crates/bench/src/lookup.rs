use std::io::Write as _;

use crate::connection::Seen;
use crate::dialect;
use crate::name::{NAME_DIGITS, name_of};
use crate::route::result_of;
use crate::sender::{Answer, Talk};

/// From one name to the next: a prime that is larger than the number of names, so that each has its turn and
/// neighbours do not follow each other.
const STRIDE: u64 = 2_654_435_761;

/// Sends to one name after the other, each with a result.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// Head, target and payload.
    message: Vec<u8>,
    /// Where the target has the number of its connection.
    digits_at: usize,
    names: u64,
    /// The first name's number.
    first: u64,
}

impl Lookup {
    /// To so many names; one sender begins elsewhere than another.
    pub(crate) fn new(prefix: &str, names: usize, sender: usize, bytes: usize) -> Lookup {
        let mut message = dialect::send_head(&name_of(prefix, 0));
        let digits_at = message.len() - NAME_DIGITS;
        message.resize(message.len() + bytes, b'x');
        let names = names as u64;
        Lookup {
            message,
            digits_at,
            names,
            // Prime as well, and another.
            first: sender as u64 * 1_000_003 % names,
        }
    }
}

impl Talk for Lookup {
    fn compose(&mut self, number: u64) -> &[u8] {
        dialect::set_number(&mut self.message, number);
        let turn = number % self.names;
        let name = (turn * STRIDE + self.first) % self.names;
        let mut digits = &mut self.message[self.digits_at..self.digits_at + NAME_DIGITS];
        // The names have as many digits.
        let _ = write!(digits, "{name:0NAME_DIGITS$}");
        &self.message
    }

    fn read<'a>(&self, seen: Seen<'a>, _: u64) -> Answer<'a> {
        result_of(seen)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_name_has_its_turn() {
        let mut lookup = Lookup::new("bench-", 1_000, 7, 4);
        let mut target_of = |number| {
            let message = lookup.compose(number);
            String::from_utf8(message[dialect::HEAD_BYTES..message.len() - 4].to_vec()).unwrap()
        };
        let targets: BTreeSet<_> = (0..1_000).map(&mut target_of).collect();
        let names = (0..1_000).map(|number| name_of("bench-", number));
        assert_eq!(targets, names.collect());
        assert_eq!(target_of(0), target_of(1_000));
    }
}
