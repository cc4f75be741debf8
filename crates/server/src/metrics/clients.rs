//! Clients that were not let in, what the others have moved, and how they ended.

use std::sync::atomic::{AtomicU64, Ordering};

use raftwire_protocol::CloseCode;

use crate::http::RefusalReason;
use crate::websocket_engine::Traffic;

/// What stands for a close frame without a code (RFC 6455 §7.4.1), as browsers report it.
const NO_CODE: u16 = 1005;
/// What stands for an end without a close frame, as browsers report it.
const NO_CLOSE: u16 = 1006;

/// Codes that are counted under their own number: a client may send any.
const CODES: [u16; CloseCode::TABLE.len() + 2] = {
    let mut codes = [NO_CODE; CloseCode::TABLE.len() + 2];
    let mut place = 0;
    while place < CloseCode::TABLE.len() {
        codes[place] = CloseCode::TABLE[place].code();
        place += 1;
    }
    codes[place] = NO_CODE;
    codes[place + 1] = NO_CLOSE;
    codes
};
/// What the other codes are counted under.
const OTHER_CODE: &str = "other";

/// How a client's WebSocket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// This node has closed it with this code.
    ClosedHere(CloseCode),
    /// This node has cut it off: the client took nothing any more.
    CutOffHere,
    /// The client has closed it, with a code or without.
    ClosedByClient(Option<u16>),
    /// The client, or the network, has cut it off.
    Broken,
}

impl Ending {
    /// The place of who ended it, and the code.
    fn parts(self) -> (usize, u16) {
        match self {
            Ending::ClosedHere(code) => (0, code.code()),
            Ending::CutOffHere => (0, NO_CLOSE),
            Ending::ClosedByClient(code) => (1, code.unwrap_or(NO_CODE)),
            Ending::Broken => (1, NO_CLOSE),
        }
    }
}

/// Who ended a WebSocket, in the order of the counters.
const ENDED_BY: [&str; 2] = ["this_node", "client"];

/// Counters of what happens in the lives of connections, never once a message: one set a node.
#[derive(Debug, Default)]
pub(crate) struct ClientCounters {
    refused: [AtomicU64; RefusalReason::ALL.len()],
    /// Behind those of the codes, that of all others.
    ended: [[AtomicU64; CODES.len() + 1]; ENDED_BY.len()],
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
}

impl ClientCounters {
    pub(crate) fn refused(&self, reason: RefusalReason) {
        self.refused[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ended(&self, ending: Ending) {
        let (by, code) = ending.parts();
        let known = CODES.iter().position(|known| *known == code);
        let place = known.unwrap_or(CODES.len());
        self.ended[by][place].fetch_add(1, Ordering::Relaxed);
    }

    /// What a connection has moved since it was counted last.
    pub(crate) fn moved(&self, counted: Traffic, now: Traffic) {
        let received = now.received - counted.received;
        let sent = now.written - counted.written;
        self.received_bytes.fetch_add(received, Ordering::Relaxed);
        self.sent_bytes.fetch_add(sent, Ordering::Relaxed);
    }

    /// Each direction once.
    pub(super) fn bytes(&self) -> [(&'static str, u64); 2] {
        [
            ("received", self.received_bytes.load(Ordering::Relaxed)),
            ("sent", self.sent_bytes.load(Ordering::Relaxed)),
        ]
    }

    /// Each reason once.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.refused.iter().map(|it| it.load(Ordering::Relaxed));
        RefusalReason::ALL
            .into_iter()
            .map(RefusalReason::code)
            .zip(counts)
    }

    /// By whom, with which code, and how many; each pair once.
    pub(super) fn endings(&self) -> impl Iterator<Item = (&'static str, String, u64)> {
        let words = || {
            let numbers = CODES.iter().map(u16::to_string);
            numbers.chain([OTHER_CODE.to_owned()])
        };
        let both = ENDED_BY.into_iter().zip(&self.ended);
        both.flat_map(move |(by, counters)| {
            let counts = counters.iter().map(|it| it.load(Ordering::Relaxed));
            words()
                .zip(counts)
                .map(move |(code, count)| (by, code, count))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftwire_protocol::Reconnect;

    #[test]
    fn each_ending_is_counted_by_who_ended_it_and_how() {
        let own = CloseCode::application(4100, "kicked", Reconnect::Never).unwrap();
        let counters = ClientCounters::default();
        for ending in [
            Ending::ClosedHere(CloseCode::NORMAL),
            Ending::ClosedHere(CloseCode::STALE),
            Ending::ClosedHere(own),
            Ending::CutOffHere,
            Ending::ClosedByClient(Some(1001)),
            Ending::ClosedByClient(Some(3333)),
            Ending::ClosedByClient(None),
            Ending::Broken,
        ] {
            counters.ended(ending);
        }

        let counted = counters.endings().filter(|(.., count)| *count > 0);
        let counted: Vec<_> = counted
            .map(|(by, code, _)| format!("{by} {code}"))
            .collect();
        assert_eq!(
            counted,
            [
                "this_node 1000",
                "this_node 4004",
                "this_node 1006",
                "this_node other",
                "client 1001",
                "client 1005",
                "client 1006",
                "client other",
            ]
        );
    }
}
