//! What this node remembers of its peers' questions, so that a repeated one is not carried out again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use raftwire_protocol::Session;
use raftwire_protocol::limits::CONTROL_PACKET_BYTES_MAX;

/// Questions of one session that are worked on at a time. More are dropped, and asked again.
const IN_WORK_MAX: usize = 256;
/// Answers that are kept for one session: a tenth of a second of a leader that appends ten thousand times
/// a second, and its appends are repeated no longer than that.
const ANSWERS_MAX: usize = 1_024;
/// Bytes of answers that are kept for one session: four of the largest. A node has one large question of a
/// kind under way at a time, for names or for a page of the feed.
const ANSWER_BYTES_MAX: usize = 4 * CONTROL_PACKET_BYTES_MAX;
/// How often all sessions are looked at for answers that nobody repeats the question to any more.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What a question that arrives is to this node.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// To be answered. It is in work from now on.
    New,
    /// A repetition of one that is in work: its answer will be that one's.
    InWork,
    /// A repetition of one that was answered, with that answer.
    Answered(Bytes),
    /// The session has as many in work as it may.
    TooMany,
}

/// The questions of all sessions: those in work, and the last ones that were answered.
///
/// The asker numbers its questions, and never uses a number twice. What is forgotten too early, because a
/// limit was reached, is carried out once more when it is repeated, as if the first answer had been lost.
#[derive(Debug, Default)]
pub(super) struct Questions {
    sessions: BTreeMap<Session, Memory>,
    swept: Option<Instant>,
}

/// What is remembered of one session.
#[derive(Debug, Default)]
struct Memory {
    in_work: BTreeSet<u64>,
    answers: BTreeMap<u64, Bytes>,
    /// The keys of `answers`, the oldest first, and until when somebody may ask for them.
    order: VecDeque<(u64, Instant)>,
    /// Of all answers.
    bytes: usize,
}

impl Questions {
    /// A question has come, or a repetition of it.
    pub(super) fn arrive(&mut self, session: Session, id: u64, now: Instant) -> Arrival {
        self.sweep(now);
        let memory = self.sessions.entry(session).or_default();
        if let Some(answer) = memory.answers.get(&id) {
            return Arrival::Answered(answer.clone());
        }
        if memory.in_work.contains(&id) {
            return Arrival::InWork;
        }
        if memory.in_work.len() >= IN_WORK_MAX {
            return Arrival::TooMany;
        }
        memory.in_work.insert(id);
        Arrival::New
    }

    /// A question in work was answered. It may be repeated until `until`.
    pub(super) fn answered(&mut self, session: Session, id: u64, answer: Bytes, until: Instant) {
        let Some(memory) = self.sessions.get_mut(&session) else {
            return;
        };
        if memory.in_work.remove(&id) {
            memory.keep(id, answer, until);
        }
    }

    /// A question in work gets no answer.
    pub(super) fn given_up(&mut self, session: Session, id: u64) {
        if let Some(memory) = self.sessions.get_mut(&session) {
            memory.in_work.remove(&id);
            if memory.is_empty() {
                self.sessions.remove(&session);
            }
        }
    }

    /// Forgets what nobody asks for any more, of sessions that have ended too.
    fn sweep(&mut self, now: Instant) {
        let is_due = self.swept.is_none_or(|at| now >= at + SWEEP_EVERY);
        if is_due {
            self.swept = Some(now);
            self.sessions.retain(|_, memory| {
                memory.expire(now);
                !memory.is_empty()
            });
        }
    }
}

impl Memory {
    fn keep(&mut self, id: u64, answer: Bytes, until: Instant) {
        self.bytes += answer.len();
        self.answers.insert(id, answer);
        self.order.push_back((id, until));
        while self.order.len() > ANSWERS_MAX || self.bytes > ANSWER_BYTES_MAX {
            self.forget_oldest();
        }
    }

    fn expire(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(_, until)| *until <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.order.pop_front();
        if let Some(answer) = oldest.and_then(|(id, _)| self.answers.remove(&id)) {
            self.bytes -= answer.len();
        }
    }

    fn is_empty(&self) -> bool {
        self.in_work.is_empty() && self.answers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Session = Session::new(1);
    const TWO: Session = Session::new(2);
    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> Instant {
        raftwire_environment::Environment::real().now()
    }

    fn answer(questions: &mut Questions, id: u64, answer: &Bytes, now: Instant) {
        assert_eq!(questions.arrive(ONE, id, now), Arrival::New);
        questions.answered(ONE, id, answer.clone(), now + SECOND);
    }

    #[test]
    fn a_question_in_work_is_not_begun_twice() {
        let (mut questions, now) = (Questions::default(), start());

        assert_eq!(questions.arrive(ONE, 7, now), Arrival::New);

        assert_eq!(questions.arrive(ONE, 7, now), Arrival::InWork);
        assert_eq!(questions.arrive(TWO, 7, now), Arrival::New, "another's");
    }

    #[test]
    fn a_repeated_question_gets_the_answer_that_it_got() {
        let (mut questions, now) = (Questions::default(), start());
        let said = Bytes::from_static(b"yes");

        answer(&mut questions, 7, &said, now);

        assert_eq!(questions.arrive(ONE, 7, now), Arrival::Answered(said));
        assert_eq!(questions.arrive(ONE, 8, now), Arrival::New);
        assert_eq!(questions.arrive(TWO, 7, now), Arrival::New, "another's");
    }

    #[test]
    fn a_question_that_was_given_up_may_be_asked_again() {
        let (mut questions, now) = (Questions::default(), start());
        questions.arrive(ONE, 7, now);

        questions.given_up(ONE, 7);

        assert_eq!(questions.arrive(ONE, 7, now), Arrival::New);
    }

    #[test]
    fn a_session_has_so_many_in_work_and_no_more() {
        let (mut questions, now) = (Questions::default(), start());
        for id in 0..IN_WORK_MAX as u64 {
            assert_eq!(questions.arrive(ONE, id, now), Arrival::New);
        }

        let one_more = IN_WORK_MAX as u64;

        assert_eq!(questions.arrive(ONE, one_more, now), Arrival::TooMany);
        assert_eq!(questions.arrive(TWO, one_more, now), Arrival::New);
        questions.answered(ONE, 0, Bytes::new(), now + SECOND);
        assert_eq!(questions.arrive(ONE, one_more, now), Arrival::New);
    }

    #[test]
    fn the_oldest_answers_go_when_there_are_too_many() {
        let (mut questions, now) = (Questions::default(), start());
        let said = Bytes::from_static(b"yes");
        let count = ANSWERS_MAX as u64;
        for id in 0..=count {
            answer(&mut questions, id, &said, now);
        }

        assert_eq!(questions.sessions[&ONE].answers.len(), ANSWERS_MAX);
        assert_eq!(questions.arrive(ONE, 0, now), Arrival::New);
        assert_eq!(
            questions.arrive(ONE, 1, now),
            Arrival::Answered(said.clone())
        );
        assert_eq!(questions.arrive(ONE, count, now), Arrival::Answered(said));
    }

    #[test]
    fn the_oldest_answers_go_when_they_are_too_large() {
        let (mut questions, now) = (Questions::default(), start());
        let large = Bytes::from(vec![1; ANSWER_BYTES_MAX / 4]);
        for id in 0..10 {
            answer(&mut questions, id, &large, now);
        }

        assert_eq!(questions.sessions[&ONE].bytes, ANSWER_BYTES_MAX);
        assert_eq!(questions.arrive(ONE, 5, now), Arrival::New);
        for id in 6..10 {
            let kept = Arrival::Answered(large.clone());
            assert_eq!(questions.arrive(ONE, id, now), kept, "{id}");
        }
    }

    #[test]
    fn nothing_is_kept_of_a_session_that_asks_no_more() {
        let (mut questions, now) = (Questions::default(), start());
        answer(&mut questions, 7, &Bytes::from_static(b"yes"), now);

        questions.arrive(TWO, 1, now + SECOND);

        assert!(!questions.sessions.contains_key(&ONE));
    }
}
