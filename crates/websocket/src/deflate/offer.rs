//! The parameters of one offer (RFC 7692 §7.1).

/// The extension's name.
const NAME: &str = "permessage-deflate";

/// One offer of the extension that keeps to the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    /// The largest window that the client has for inflating.
    pub(super) server_max_window_bits: Option<u8>,
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    client_max_window_bits: bool,
}

impl Offer {
    /// Reads one element of `Sec-WebSocket-Extensions`. `None`: another extension, or an offer that
    /// has to be declined because of a parameter that is unknown, repeated, or has a wrong value
    /// (§7.1, §5.1).
    pub(super) fn parse(element: &str) -> Option<Offer> {
        let mut parts = element.split(';').map(str::trim);
        if parts.next() != Some(NAME) {
            return None;
        }
        let mut offer = Offer::default();
        for parameter in parts {
            offer.take(parameter)?;
        }
        Some(offer)
    }

    fn take(&mut self, parameter: &str) -> Option<()> {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim_start()))),
            None => (parameter, None),
        };
        let is_first = match (name, value) {
            ("server_no_context_takeover", None) => first(&mut self.server_no_context_takeover),
            ("client_no_context_takeover", None) => first(&mut self.client_no_context_takeover),
            ("client_max_window_bits", None) => first(&mut self.client_max_window_bits),
            ("client_max_window_bits", Some(bits)) => {
                window_bits(bits)?;
                first(&mut self.client_max_window_bits)
            }
            ("server_max_window_bits", Some(bits)) => {
                let bits = window_bits(bits)?;
                self.server_max_window_bits.replace(bits).is_none()
            }
            _ => return None,
        };
        is_first.then_some(())
    }
}

/// Whether it was not there yet.
fn first(is_there: &mut bool) -> bool {
    !std::mem::replace(is_there, true)
}

/// 8 to 15, written without leading zeros (§7.1.2.1).
fn window_bits(value: &str) -> Option<u8> {
    match value {
        "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15" => value.parse().ok(),
        _ => None,
    }
}

/// A value may be written as a quoted string that has the form of a token (RFC 6455 §9.1).
fn unquoted(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_to_the_rules_is_an_offer() {
        let bits = |element| Offer::parse(element).expect(element).server_max_window_bits;
        for plain in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate;client_max_window_bits=10",
            "permessage-deflate; client_no_context_takeover ; server_no_context_takeover",
        ] {
            assert_eq!(bits(plain), None, "{plain}");
        }
        assert_eq!(
            bits("permessage-deflate; server_max_window_bits=8"),
            Some(8)
        );
        assert_eq!(
            bits("permessage-deflate; client_max_window_bits; server_max_window_bits = \"15\""),
            Some(15)
        );
    }

    #[test]
    fn any_wrong_parameter_declines_the_offer() {
        for wrong in [
            "x-webkit-deflate-frame",
            "permessage-bzip2",
            "permessage-deflate; level=9",
            "permessage-deflate;",
            "permessage-deflate; server_no_context_takeover=true",
            "permessage-deflate; client_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=08",
            "permessage-deflate; server_max_window_bits=+9",
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
        ] {
            assert_eq!(Offer::parse(wrong), None, "{wrong}");
        }
    }
}
