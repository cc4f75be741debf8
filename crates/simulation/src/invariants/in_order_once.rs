//! Whatever a client receives was sent to it, arrives as it was sent, once, and in the order of its
//! sender.
//!
//! ARCHITECTURE, "What makes an outcome true": messages of one sender to one connection stay in order, whatever
//! became of others. The checks are those of Kleppmann's FIFO broadcast (Designing
//! Data-Intensive Applications, 2017, ch. 9): validity, no duplication, order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use raftwire::ConnectionId;

use super::Violations;
use crate::fact::{Process, Received, Sent};

const NAME: &str = "in order, once";

/// The messages of one sender to one connection.
pub(super) type Stream = (Process, u64, ConnectionId);

/// The stream that a message belongs to.
pub(super) fn stream(sent: &Sent) -> Stream {
    (sent.process.clone(), sent.sender, sent.id.to.clone())
}

/// The last message of each stream that was received, by anybody and by each connection.
#[derive(Debug, Default)]
pub(super) struct InOrderOnce {
    last: BTreeMap<Stream, u64>,
    last_of_each: BTreeMap<(Stream, ConnectionId), u64>,
}

impl InOrderOnce {
    /// A client received `sent`, or something that was never sent.
    pub(super) fn received(
        &mut self,
        at: Duration,
        received: &Received,
        sent: Option<&Arc<Sent>>,
        violations: &mut Violations,
    ) {
        let client = &received.connection;
        let sent = match (&received.frame, sent) {
            (Err(wrong), _) => {
                violations.add(at, NAME, format!("{client} received {wrong}"));
                return;
            }
            (Ok(number), None) => {
                let what = format!("{client} received frame {number}, which nobody sent to it");
                violations.add(at, NAME, what);
                return;
            }
            (Ok(_), Some(sent)) => sent,
        };
        let Sent {
            id,
            process,
            sequence,
            ..
        } = sent.as_ref();
        let stream = stream(sent);
        let of_anybody = self.last.get(&stream).copied();
        let newest = of_anybody.map_or(*sequence, |last| last.max(*sequence));
        self.last.insert(stream.clone(), newest);
        let of_client = (stream, client.clone());
        let of_client = self.last_of_each.insert(of_client, *sequence);
        // Nobody knows when such a message arrives, so later ones do not wait for it: after a move
        // the older connection may receive it when the newer one has a later one.
        let is_unwatched = sent.deadline.is_none_or(|deadline| at >= deadline);
        let last = if is_unwatched && of_anybody != Some(*sequence) {
            of_client
        } else {
            of_client.max(of_anybody)
        };
        let wrong = match last {
            Some(last) if last == *sequence => "again".to_owned(),
            Some(last) if last > *sequence => format!("after number {last}"),
            _ => return,
        };
        let what = format!(
            "{client} received {id} of {process}, number {sequence} of its sender, {wrong}"
        );
        violations.add(at, NAME, what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::samples::{at, connection, received, sent};

    fn judge(frames: &[u64]) -> Violations {
        let (mut invariant, mut violations) = (InOrderOnce::default(), Violations::default());
        for frame in frames {
            invariant.received(
                at(1),
                &received(*frame),
                Some(&sent(*frame)),
                &mut violations,
            );
        }
        violations
    }

    #[test]
    fn rising_numbers_with_gaps_are_in_order() {
        assert!(judge(&[0, 1, 5]).is_empty());
    }

    #[test]
    fn a_message_that_arrives_twice_is_found() {
        assert!(!judge(&[0, 0]).is_empty());
        assert!(!judge(&[0, 1, 0]).is_empty());
    }

    #[test]
    fn a_message_that_arrives_late_is_found() {
        assert!(!judge(&[1, 0]).is_empty());
    }

    /// Number 1 of a stream to a name is received, then by another connection number 0.
    fn judge_over_a_move(late: &Arc<Sent>, arrives: Duration) -> Violations {
        let (mut invariant, mut violations) = (InOrderOnce::default(), Violations::default());
        invariant.received(at(1), &received(1), Some(&sent(1)), &mut violations);
        let older = Received {
            connection: connection(3),
            ..received(0)
        };
        invariant.received(arrives, &older, Some(late), &mut violations);
        violations
    }

    #[test]
    fn a_message_that_arrives_late_at_another_connection_is_found() {
        assert!(!judge_over_a_move(&sent(0), at(999)).is_empty());
    }

    #[test]
    fn whoever_waits_for_no_answer_may_be_overtaken_on_the_way_to_another_connection() {
        assert!(judge_over_a_move(&sent(0), at(1_000)).is_empty());
        let unasked = Arc::new(Sent {
            deadline: None,
            ..sent(0).as_ref().clone()
        });
        assert!(judge_over_a_move(&unasked, at(2)).is_empty());
    }

    #[test]
    fn a_frame_that_nobody_sent_or_that_is_damaged_is_found() {
        let (mut invariant, mut violations) = (InOrderOnce::default(), Violations::default());
        invariant.received(at(1), &received(3), None, &mut violations);
        let damaged = Received {
            frame: Err("other bytes".to_owned()),
            ..received(3)
        };
        invariant.received(at(1), &damaged, None, &mut violations);

        assert_eq!(violations.into_vec().len(), 2);
    }
}
