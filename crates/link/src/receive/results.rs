use std::collections::VecDeque;

use raftwire_protocol::link_packet::{Failure, LINK_FAILURES_MAX};

/// Messages that may be delivered and not reported: an owner that is further behind gets no more.
const UNREPORTED_MESSAGES_MAX: usize = 64 * 1024;

/// Failures that may be known and not yet acknowledged by the peer; then no further message is delivered. Four
/// packets' worth, so that failures flow while the peer's word is on its way.
const FAILURES_MAX: usize = 4 * LINK_FAILURES_MAX;

/// What became of the messages received, as far as the peer does not know it.
#[derive(Debug)]
pub(crate) struct Results {
    bytes_max: usize,
    /// Ascending by sequence; the first has no result.
    pending: VecDeque<Pending>,
    /// Ascending by sequence, all before the first of `pending`.
    failures: VecDeque<Failure>,
    unreported_bytes: usize,
}

#[derive(Debug)]
struct Pending {
    /// The sequence of the message's last segment.
    sequence: u64,
    bytes: usize,
    acknowledge: bool,
    result: Option<Result<(), u8>>,
}

impl Results {
    pub(crate) fn new(bytes_max: usize) -> Results {
        Results {
            bytes_max,
            pending: VecDeque::new(),
            failures: VecDeque::new(),
            unreported_bytes: 0,
        }
    }

    /// Whether one more message may be delivered.
    pub(crate) fn has_room(&self) -> bool {
        self.unreported_bytes < self.bytes_max
            && self.pending.len() < UNREPORTED_MESSAGES_MAX
            && self.failures.len() < FAILURES_MAX
    }

    /// A message is delivered; its result will be reported.
    pub(crate) fn expect(&mut self, sequence: u64, bytes: usize, acknowledge: bool) {
        self.unreported_bytes += bytes;
        self.pending.push_back(Pending {
            sequence,
            bytes,
            acknowledge,
            result: None,
        });
    }

    /// A message cannot be delivered.
    pub(crate) fn fail(&mut self, sequence: u64, code: u8, acknowledge: bool) {
        self.expect(sequence, 0, acknowledge);
        self.report(sequence, Err(code));
    }

    /// Takes in a result; returns whether that is news.
    pub(crate) fn report(&mut self, sequence: u64, result: Result<(), u8>) -> bool {
        let Some(pending) = self.pending_mut(sequence) else {
            return false;
        };
        if pending.result.is_some() {
            return false;
        }
        pending.result = Some(result);
        let bytes = pending.bytes;
        self.unreported_bytes -= bytes;
        while let Some(pending) = self
            .pending
            .pop_front_if(|pending| pending.result.is_some())
        {
            if let Some(Err(code)) = pending.result
                && pending.acknowledge
            {
                self.failures.push_back(Failure {
                    sequence: pending.sequence,
                    code,
                });
            }
        }
        true
    }

    fn pending_mut(&mut self, sequence: u64) -> Option<&mut Pending> {
        // Most owners report in the order of the sequences.
        let index = match self.pending.front() {
            Some(first) if first.sequence == sequence => 0,
            _ => self
                .pending
                .binary_search_by_key(&sequence, |pending| pending.sequence)
                .ok()?,
        };
        self.pending.get_mut(index)
    }

    /// The highest sequence that an acknowledgement may cover, where all up to `received` were taken in: no message
    /// without a result, and no failure that does not fit the packet.
    pub(crate) fn cumulative(&self, received: u64) -> u64 {
        if let Some(failure) = self.failures.get(LINK_FAILURES_MAX) {
            failure.sequence - 1
        } else if let Some(pending) = self.pending.front() {
            pending.sequence - 1
        } else {
            received
        }
    }

    /// The failures that go into an acknowledgement.
    pub(crate) fn failures(&self) -> impl ExactSizeIterator<Item = Failure> {
        self.failures.iter().take(LINK_FAILURES_MAX).copied()
    }

    /// The peer knows the results up to this sequence; returns whether there is room for results that had none.
    pub(crate) fn forget_failures(&mut self, settled: u64) -> bool {
        let crowded = self.failures.len() > LINK_FAILURES_MAX;
        let mut forgotten = false;
        while self
            .failures
            .pop_front_if(|failure| failure.sequence <= settled)
            .is_some()
        {
            forgotten = true;
        }
        crowded && forgotten
    }

    /// Bytes of the messages without a result.
    pub(crate) fn unreported_bytes(&self) -> usize {
        self.unreported_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(messages: u64) -> Results {
        let mut results = Results::new(1000);
        for sequence in 1..=messages {
            results.expect(sequence, 10, true);
        }
        results
    }

    #[test]
    fn acknowledgement_does_not_pass_a_message_without_a_result() {
        let mut results = results(4);
        assert_eq!(results.cumulative(4), 0);
        assert!(results.report(2, Ok(())));
        assert!(results.report(4, Err(7)));
        assert_eq!(results.cumulative(4), 0);
        assert!(results.report(1, Err(3)));
        assert_eq!(results.cumulative(4), 2);
        assert_eq!(results.failures().len(), 1);
        assert!(results.report(3, Ok(())));
        assert_eq!(results.cumulative(4), 4);
        let codes: Vec<_> = results.failures().map(|f| (f.sequence, f.code)).collect();
        assert_eq!(codes, [(1, 3), (4, 7)]);
        assert_eq!(results.unreported_bytes(), 0);
    }

    #[test]
    fn second_and_unknown_results_change_nothing() {
        let mut results = results(2);
        assert!(results.report(2, Ok(())));
        assert!(!results.report(2, Err(1)));
        assert!(!results.report(3, Err(1)));
        assert!(results.report(1, Ok(())));
        assert!(!results.report(1, Err(1)));
        assert_eq!(results.cumulative(2), 2);
        assert_eq!(results.failures().len(), 0);
    }

    #[test]
    fn acknowledgement_covers_only_the_failures_that_it_has_room_for() {
        let count = LINK_FAILURES_MAX as u64 + 10;
        let mut results = results(count);
        for sequence in 1..=count {
            results.report(sequence, Err(1));
        }
        assert_eq!(results.cumulative(count), LINK_FAILURES_MAX as u64);
        assert_eq!(results.failures().len(), LINK_FAILURES_MAX);

        assert!(results.forget_failures(9));
        assert_eq!(results.cumulative(count), LINK_FAILURES_MAX as u64 + 9);
        assert!(results.forget_failures(10));
        assert_eq!(results.cumulative(count), count);
        assert!(!results.forget_failures(count));
        assert_eq!(results.failures().len(), 0);
    }

    #[test]
    fn there_is_no_room_beyond_the_limits() {
        let mut by_bytes = results(100);
        assert!(!by_bytes.has_room());
        by_bytes.report(50, Ok(()));
        assert!(by_bytes.has_room());

        let mut by_failures = Results::new(1000);
        for sequence in 1..=FAILURES_MAX as u64 {
            assert!(by_failures.has_room());
            by_failures.fail(sequence, 1, true);
        }
        assert!(!by_failures.has_room());
        by_failures.forget_failures(1);
        assert!(by_failures.has_room());

        let mut by_count = Results::new(1000);
        for sequence in 1..=UNREPORTED_MESSAGES_MAX as u64 {
            assert!(by_count.has_room());
            by_count.expect(sequence, 0, true);
        }
        assert!(!by_count.has_room());
    }

    #[test]
    fn failures_of_fire_and_forget_messages_are_not_kept() {
        let mut results = Results::new(1000);
        results.expect(1, 10, false);
        results.report(1, Err(1));
        assert_eq!(results.failures().len(), 0);
        assert_eq!(results.cumulative(1), 1);
    }
}
