//! UTF-8 that comes in pieces.

/// Bytes that are not UTF-8 and will not become so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

/// Checks text piece by piece, so that wrong text is found with its first wrong byte, however much
/// of the message is still to come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Utf8 {
    /// The beginning of a character whose end is to come.
    begun: [u8; 4],
    len: u8,
}

impl Utf8 {
    pub(crate) fn take(&mut self, mut piece: &[u8]) -> Result<(), Invalid> {
        while self.len > 0 {
            let Some((byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            let len = usize::from(self.len);
            // A character has at most four bytes, and three that begin one are never a whole one
            // and a rest: so this is in bounds.
            *self.begun.get_mut(len).ok_or(Invalid)? = *byte;
            piece = rest;
            match std::str::from_utf8(&self.begun[..=len]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_none() => self.len += 1,
                Err(_) => return Err(Invalid),
            }
        }
        let Err(error) = std::str::from_utf8(piece) else {
            return Ok(());
        };
        if error.error_len().is_some() {
            return Err(Invalid);
        }
        let rest = &piece[error.valid_up_to()..];
        self.begun[..rest.len()].copy_from_slice(rest);
        self.len = u8::try_from(rest.len()).map_err(|_| Invalid)?;
        Ok(())
    }

    /// Whether what has come ends with a whole character.
    pub(crate) fn is_whole(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_judged_as_the_whole_is(
            bytes in prop_oneof![
                any::<String>().prop_map(String::into_bytes),
                proptest::collection::vec(any::<u8>(), 0..40),
                proptest::collection::vec(prop_oneof![Just(0xf0_u8), Just(0x9f), Just(0x80), Just(0xed), Just(b'a')], 0..12),
            ],
            piece in 1_usize..7,
        ) {
            let mut utf8 = Utf8::default();
            let taken = bytes.chunks(piece).try_for_each(|piece| utf8.take(piece));
            let whole = std::str::from_utf8(&bytes);
            prop_assert_eq!(taken.is_ok() && utf8.is_whole(), whole.is_ok());
            // What is wrong is found as soon as it is there.
            if let Err(error) = whole {
                prop_assert_eq!(taken.is_err(), error.error_len().is_some());
            }
        }
    }
}
