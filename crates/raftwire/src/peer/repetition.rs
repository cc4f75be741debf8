//! When a question is repeated, and what an answer says of the way to a peer.

use std::time::Duration;

use raftwire_protocol::messages::ResponseBody;

/// The round trip that is assumed of a peer before one was measured.
const ROUND_TRIP_FIRST: Duration = Duration::from_millis(25);
/// A question is never repeated faster than this: a busy peer is not made busier.
const RESEND_MIN: Duration = Duration::from_millis(20);
/// How often a question is repeated within the time for which the peer may hold it.
const RESENDS_HELD: u32 = 4;
/// Sendings with the same pause between them before it is doubled: a lossy way loses one or two in a row,
/// and Raft's questions have a tenth of a second.
const SENDINGS_A_STEP: u32 = 2;
/// How often the pause is doubled: to eight times, so a peer that is only slow is asked ever more rarely,
/// and one that comes back is still asked several times a second.
const DOUBLINGS_MAX: u32 = 3;
/// How much of the time that a peer works on a question counts as the way there and back: what a slow disk
/// needs, so that a question is not repeated for that alone. Longer is waiting for a quorum, and Raft's
/// own questions are not to be repeated more rarely for it.
const WORK_COUNTED_MAX: Duration = Duration::from_millis(25);

/// How long to wait for the answer after so many sendings, before the next.
///
/// RFC 6298 (5.5) doubles the timer at each repetition; here it is doubled at every second one, and bounded.
pub(super) fn pause(round_trip: Option<Duration>, hold: Duration, sendings: u32) -> Duration {
    let first = (round_trip.unwrap_or(ROUND_TRIP_FIRST) * 2).max(RESEND_MIN);
    let doublings = (sendings.saturating_sub(1) / SENDINGS_A_STEP).min(DOUBLINGS_MAX);
    (first * 2_u32.pow(doublings)).max(hold / RESENDS_HELD)
}

/// The way there and back of the sending that was answered, `elapsed` after the first one.
///
/// The answer says which sending it is to and how long it was worked on, so that the answer to a repeated question
/// counts as well: RFC 6298 (3) allows that where nothing is ambiguous. If those did not count, a
/// peer that has become slower than the pause would be asked everything several times for ever. Of a
/// node that says neither, only the answer to a question counts that was sent once and not held.
pub(super) fn round_trip(
    answer: &ResponseBody,
    elapsed: Duration,
    is_plain: bool,
) -> Option<Duration> {
    let Some(stamp) = answer.stamp else {
        return is_plain.then_some(elapsed);
    };
    let worked = Duration::from_micros(answer.worked_us);
    let since_sending = elapsed.checked_sub(Duration::from_micros(stamp))?;
    let way = since_sending.checked_sub(worked)?;
    Some(way + worked.min(WORK_COUNTED_MAX))
}

/// Microseconds, as questions and answers have them.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn pauses(round_trip: Option<Duration>, hold: Duration, count: u32) -> Vec<u128> {
        let pauses = (1..=count).map(|sendings| pause(round_trip, hold, sendings));
        pauses.map(|pause| pause.as_millis()).collect()
    }

    #[test]
    fn the_pause_is_doubled_at_every_second_sending_up_to_eight_times_the_first() {
        let expected = [60, 60, 120, 120, 240, 240, 480, 480, 480, 480];

        assert_eq!(pauses(Some(ms(30)), Duration::ZERO, 10), expected);
        assert_eq!(pause(Some(ms(30)), Duration::ZERO, u32::MAX), ms(480));
    }

    #[test]
    fn a_question_of_raft_is_sent_four_times_within_a_heartbeat_on_a_fast_network() {
        let before_the_fourth: u128 = pauses(Some(ms(1)), Duration::ZERO, 3).into_iter().sum();

        assert!(before_the_fourth < 100, "{before_the_fourth} ms");
    }

    #[test]
    fn a_question_that_is_held_is_repeated_a_few_times_within_that() {
        assert_eq!(pauses(Some(ms(1)), ms(1_000), 6), [250; 6]);
    }

    fn answered(stamp: Option<Duration>, worked: Duration) -> ResponseBody {
        ResponseBody {
            stamp: stamp.map(micros),
            worked_us: micros(worked),
            ..ResponseBody::default()
        }
    }

    #[test]
    fn the_way_is_counted_from_the_sending_that_was_answered() {
        let answer = answered(Some(ms(50)), ms(10));

        assert_eq!(round_trip(&answer, ms(130), false), Some(ms(80)));
    }

    #[test]
    fn what_a_peer_waits_for_a_quorum_is_not_the_way() {
        let answer = answered(Some(Duration::ZERO), ms(900));

        let measured = round_trip(&answer, ms(902), true);

        assert_eq!(measured, Some(ms(2) + WORK_COUNTED_MAX));
    }

    #[test]
    fn an_answer_that_says_nothing_counts_only_to_a_question_that_was_sent_once() {
        let answer = answered(None, Duration::ZERO);

        assert_eq!(round_trip(&answer, ms(5), true), Some(ms(5)));
        assert_eq!(round_trip(&answer, ms(5), false), None);
    }

    #[test]
    fn times_that_cannot_be_are_not_counted() {
        let later = answered(Some(ms(20)), Duration::ZERO);
        let longer = answered(Some(Duration::ZERO), Duration::from_micros(u64::MAX));

        assert_eq!(round_trip(&later, ms(10), true), None);
        assert_eq!(round_trip(&longer, ms(10), true), None);
    }
}
