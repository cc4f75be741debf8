use super::WINDOW_BITS;
use super::offer::Offer;

/// What a server has agreed on with a client.
///
/// # Examples
///
/// ```
/// use raftwire_websocket::DeflateAgreement;
///
/// let offers = ["permessage-deflate; level=9, permessage-deflate; client_max_window_bits"];
/// let agreement = DeflateAgreement::accept(offers).unwrap();
/// assert_eq!(
///     agreement.answer(),
///     "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
/// );
/// assert_eq!(DeflateAgreement::accept(["permessage-deflate; level=9"]), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateAgreement {
    /// The client's window, where it named one.
    window_bits: Option<u8>,
}

impl DeflateAgreement {
    /// Accepts the first offer that can be accepted, of the values of `Sec-WebSocket-Extensions`
    /// in the request; `None`: there is none, and messages are not compressed.
    ///
    /// Context is taken over in neither direction, which a server may ask for whether it was offered
    /// or not (RFC 7692 §7.1.1).
    pub fn accept<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<DeflateAgreement> {
        // A quoted comma would be part of no parameter that is known: the halves are declined alike.
        let elements = values.into_iter().flat_map(|value| value.split(','));
        let offer = elements.map(str::trim).find_map(Offer::parse)?;
        Some(DeflateAgreement {
            window_bits: offer.server_max_window_bits,
        })
    }

    /// The value of `Sec-WebSocket-Extensions` in the answer.
    pub fn answer(self) -> String {
        let takeover = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        match self.window_bits {
            Some(bits) => format!("{takeover}; server_max_window_bits={bits}"),
            None => takeover.to_owned(),
        }
    }

    /// Whether the client can inflate what had so many bytes before it was compressed: what is no longer
    /// than the client's window points back no further. What is longer goes to it as it is, so that what is
    /// compressed is the same for all.
    pub fn fits(self, payload_bytes: usize) -> bool {
        let bits = self.window_bits.unwrap_or(WINDOW_BITS);
        bits == WINDOW_BITS || payload_bytes <= 1 << bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_offer_that_can_be_is_accepted() {
        let accept = |values: &[&str]| DeflateAgreement::accept(values.iter().copied());
        assert_eq!(accept(&[]), None);
        assert_eq!(accept(&["", "permessage-foo, x"]), None);
        let bits = |values: &[&str]| accept(values).unwrap().window_bits;
        assert_eq!(bits(&["permessage-deflate"]), None);
        let two = "permessage-deflate; server_max_window_bits=10, permessage-deflate";
        assert_eq!(bits(&[two]), Some(10));
        let later = ["permessage-deflate; server_max_window_bits=7", "foo", two];
        assert_eq!(bits(&later), Some(10));
    }

    #[test]
    fn a_window_that_was_named_is_answered() {
        let offer = "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10";
        assert_eq!(
            DeflateAgreement::accept([offer]).unwrap().answer(),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=9"
        );
    }

    #[test]
    fn what_is_longer_than_the_clients_window_is_not_for_it() {
        let accept = |offer| DeflateAgreement::accept([offer]).unwrap();
        let small = accept("permessage-deflate; server_max_window_bits=9");
        let full = accept("permessage-deflate; server_max_window_bits=15");
        let any = accept("permessage-deflate");
        assert!(small.fits(512) && !small.fits(513));
        let long = 100_000;
        assert!(full.fits(long) && any.fits(long) && !small.fits(long));
    }
}
