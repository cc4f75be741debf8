use std::fmt;

use crate::limits::CLOSE_REASON_BYTES_MAX;

/// Why a client's connection is closed, and what the client should do next.
///
/// [`CloseCode::TABLE`] is the whole of what a Raftwire node sends by itself. 1000 to 2999 are the
/// WebSocket protocol's (RFC 6455 §7.4), 4000 to 4099 are Raftwire's, and from 4100 to 4999 the
/// application may make its own with [`CloseCode::application`].
///
/// # Examples
///
/// ```
/// use raftwire_protocol::{CloseCode, Reconnect};
///
/// let code = CloseCode::lookup(4001).expect("in the table");
/// assert_eq!(code, CloseCode::SLOW_CONSUMER);
/// assert_eq!(code.reconnect(), Reconnect::AfterBackOff);
/// assert_eq!(code.to_string(), "4001 slow consumer");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CloseCode {
    code: u16,
    reason: &'static str,
    reconnect: Reconnect,
    advice: &'static str,
}

/// What a client should do after a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reconnect {
    /// Open a new connection now, after a short random delay so that not all clients come in the
    /// same moment.
    AtOnce,
    /// Open a new connection after a delay that is random and doubles with each failure.
    AfterBackOff,
    /// Do not come back by itself: the same would happen again, or the end was meant.
    Never,
}

impl fmt::Display for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Reconnect::AtOnce => "at once",
            Reconnect::AfterBackOff => "after a back-off",
            Reconnect::Never => "never",
        })
    }
}

impl CloseCode {
    /// Either side is done.
    pub const NORMAL: CloseCode = CloseCode::own(
        1000,
        "normal",
        Reconnect::Never,
        "Nothing: the connection ended as intended.",
    );

    /// The node stops, or the cluster has removed it; another one will take the client.
    pub const GOING_AWAY: CloseCode = CloseCode::own(
        1001,
        "going away",
        Reconnect::AtOnce,
        "Connect to another node; the reason may name one.",
    );

    /// The client broke the WebSocket protocol or `raftwire.v1`.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode::own(
        1002,
        "protocol error",
        Reconnect::Never,
        "Mend the client: it sent what the protocol does not allow.",
    );

    /// A text message of the client was not UTF-8.
    pub const INVALID_PAYLOAD: CloseCode = CloseCode::own(
        1007,
        "text is not UTF-8",
        Reconnect::Never,
        "Mend the client: send bytes that are not UTF-8 as a binary message.",
    );

    /// A message of the client exceeds the limit.
    pub const TOO_LARGE: CloseCode = CloseCode::own(
        1009,
        "message too large",
        Reconnect::Never,
        "Send smaller messages; the welcome states the limit.",
    );

    /// The node failed at something that is not the client's fault.
    pub const INTERNAL_ERROR: CloseCode = CloseCode::own(
        1011,
        "internal error",
        Reconnect::AfterBackOff,
        "Connect again; the node's log says more.",
    );

    /// The node has all the connections that it may have. (IANA's registry of close codes.)
    pub const TRY_AGAIN_LATER: CloseCode = CloseCode::own(
        1013,
        "try again later",
        Reconnect::AfterBackOff,
        "Connect again, best to another node.",
    );

    /// The client took its messages more slowly than they came, and its outbox was full.
    pub const SLOW_CONSUMER: CloseCode = CloseCode::own(
        4001,
        "slow consumer",
        Reconnect::AfterBackOff,
        "Read faster or subscribe to less; what was in the outbox is lost.",
    );

    /// A newer connection took this one's place.
    pub const SUPERSEDED: CloseCode = CloseCode::own(
        4002,
        "superseded",
        Reconnect::Never,
        "Leave the place to the newer connection: coming back would throw that one out.",
    );

    /// The client sent more, or more often, than it may.
    pub const RATE_LIMITED: CloseCode = CloseCode::own(
        4003,
        "rate limited",
        Reconnect::AfterBackOff,
        "Send less; the limit is the operator's.",
    );

    /// The client did not answer the node's pings.
    pub const STALE: CloseCode = CloseCode::own(
        4004,
        "stale",
        Reconnect::AtOnce,
        "Connect again: the network, or a computer that slept, had cut the connection.",
    );

    /// All that a node sends by itself, in the order of the codes.
    pub const TABLE: [CloseCode; 11] = [
        CloseCode::NORMAL,
        CloseCode::GOING_AWAY,
        CloseCode::PROTOCOL_ERROR,
        CloseCode::INVALID_PAYLOAD,
        CloseCode::TOO_LARGE,
        CloseCode::INTERNAL_ERROR,
        CloseCode::TRY_AGAIN_LATER,
        CloseCode::SLOW_CONSUMER,
        CloseCode::SUPERSEDED,
        CloseCode::RATE_LIMITED,
        CloseCode::STALE,
    ];

    const fn own(
        code: u16,
        reason: &'static str,
        reconnect: Reconnect,
        advice: &'static str,
    ) -> CloseCode {
        assert!(reason.len() <= CLOSE_REASON_BYTES_MAX);
        CloseCode {
            code,
            reason,
            reconnect,
            advice,
        }
    }

    /// A code of the application's own, in 4100..=4999.
    ///
    /// # Errors
    ///
    /// If the code is in another range, or the reason does not fit a close frame.
    pub const fn application(
        code: u16,
        reason: &'static str,
        reconnect: Reconnect,
    ) -> Result<CloseCode, InvalidCloseCode> {
        if code < 4100 || code > 4999 {
            return Err(InvalidCloseCode::Code { code });
        }
        if reason.len() > CLOSE_REASON_BYTES_MAX {
            return Err(InvalidCloseCode::Reason {
                bytes: reason.len(),
            });
        }
        Ok(CloseCode {
            code,
            reason,
            reconnect,
            advice: "The application's own.",
        })
    }

    /// The entry of [`CloseCode::TABLE`] with this number.
    pub fn lookup(code: u16) -> Option<CloseCode> {
        CloseCode::TABLE
            .into_iter()
            .find(|entry| entry.code == code)
    }

    /// The number in the close frame.
    pub const fn code(self) -> u16 {
        self.code
    }

    /// The text in the close frame: short, in lower case, the same for every connection.
    pub const fn reason(self) -> &'static str {
        self.reason
    }

    /// Whether the client should come back.
    pub const fn reconnect(self) -> Reconnect {
        self.reconnect
    }

    /// What the client, or whoever writes it, should do, in a sentence.
    pub const fn advice(self) -> &'static str {
        self.advice
    }
}

/// Two codes are the same if their numbers are.
impl PartialEq for CloseCode {
    fn eq(&self, other: &CloseCode) -> bool {
        self.code == other.code
    }
}

impl Eq for CloseCode {}

/// The number and the reason.
impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.reason)
    }
}

/// Why a [`CloseCode`] of the application's own cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCloseCode {
    /// Another range.
    #[error("an application's close codes are 4100 to 4999; {code} is not")]
    Code {
        /// The code.
        code: u16,
    },
    /// A reason that does not fit.
    #[error("the reason of a close has at most 123 bytes; this one has {bytes}")]
    Reason {
        /// Bytes of the reason.
        bytes: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_code_is_found_by_its_number() {
        assert!(CloseCode::TABLE.is_sorted_by(|a, b| a.code < b.code));
        for entry in CloseCode::TABLE {
            assert_eq!(CloseCode::lookup(entry.code()), Some(entry));
            assert!(!entry.reason().is_empty() && !entry.advice().is_empty());
        }
        assert_eq!(CloseCode::lookup(1005), None);
        assert_eq!(CloseCode::lookup(4100), None);
    }

    #[test]
    fn every_code_may_be_sent_in_a_close_frame() {
        // RFC 6455 §7.4.1: 1004, 1005, 1006 and 1015 are never sent.
        for code in CloseCode::TABLE.map(CloseCode::code) {
            let protocol = matches!(code, 1000..=1003 | 1007..=1014);
            assert!(protocol || (4000..=4099).contains(&code), "{code}");
        }
    }

    #[test]
    fn the_application_has_its_own_range() {
        let kicked = CloseCode::application(4100, "kicked", Reconnect::Never).expect("in range");
        assert_eq!((kicked.code(), kicked.reason()), (4100, "kicked"));
        for code in [0, 1000, 3000, 4000, 4099, 5000, u16::MAX] {
            let result = CloseCode::application(code, "", Reconnect::Never);
            assert_eq!(result.err(), Some(InvalidCloseCode::Code { code }));
        }
        const LONG: &str = str_of_124_bytes();
        let result = CloseCode::application(4100, LONG, Reconnect::Never);
        assert_eq!(result.err(), Some(InvalidCloseCode::Reason { bytes: 124 }));
    }

    const fn str_of_124_bytes() -> &'static str {
        match std::str::from_utf8(&[b'a'; 124]) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}
