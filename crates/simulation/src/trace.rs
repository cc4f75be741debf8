//! The trace of a run: what happened, as text, and one hash over all of it.

use std::fmt;

use raftwire_consensus::Inspection;
use raftwire_protocol::RaftId;
use sha2::{Digest as _, Sha256};

use crate::fact::{Event, Fact, NameQuestion, Received, Removal, Sent};

/// Who wants to see the lines of a trace.
pub type Lines<'a> = Option<&'a mut dyn FnMut(&str)>;

/// A hash over everything that happened. Two runs of one seed that differ in anything have another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceHash([u8; 32]);

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .take(16)
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Takes down what happens.
pub(crate) struct Trace<'a> {
    hasher: Sha256,
    lines: Lines<'a>,
}

impl<'a> Trace<'a> {
    pub(crate) fn new(lines: Lines<'a>) -> Trace<'a> {
        Trace {
            hasher: Sha256::new(),
            lines,
        }
    }

    /// Takes down a fact.
    pub(crate) fn fact(&mut self, fact: &Fact) {
        let seconds = fact.at.as_secs_f64();
        self.line(&format!("{seconds:.6} {}", Told(&fact.event)));
    }

    /// Takes down anything else.
    pub(crate) fn line(&mut self, line: &str) {
        self.hasher.update(line.as_bytes());
        self.hasher.update(b"\n");
        if let Some(lines) = &mut self.lines {
            lines(line);
        }
    }

    pub(crate) fn hash(self) -> TraceHash {
        TraceHash(self.hasher.finalize().into())
    }
}

struct Told<'a>(&'a Event);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Started(process) => write!(f, "{process} started"),
            Event::Failed(process, why) => write!(f, "{process} failed: {why}"),
            Event::Ended(process, end) => write!(f, "{process} ended: {end:?}"),
            Event::Told(process, event) => write!(f, "{process} tells {event:?}"),
            Event::Inspected(process, seen) => {
                write!(f, "{process} ")?;
                inspection(f, seen)
            }
            Event::Opened(process, connection, _) => write!(f, "{process} opened {connection}"),
            Event::Closed(connection, closing) => write!(f, "closed {connection}: {closing:?}"),
            Event::Sent(sent) => {
                let Sent {
                    id,
                    process,
                    sender,
                    sequence,
                    ..
                } = sent.as_ref();
                write!(
                    f,
                    "{process} sent {id}, number {sequence} of sender {sender}"
                )
            }
            Event::Answered(id, outcome) => write!(f, "answered {id}: {outcome:?}"),
            Event::Received(Received {
                connection,
                frame: Ok(number),
                ..
            }) => {
                write!(f, "received {number}→{connection}")
            }
            Event::Received(Received {
                connection,
                frame: Err(wrong),
                ..
            }) => {
                write!(f, "received {wrong} by {connection}")
            }
            Event::NameAsked(number, question) => {
                let NameQuestion {
                    process,
                    name,
                    request,
                } = question;
                write!(f, "{process} asks {number} about {name}: {request:?}")
            }
            Event::NameAnswered(number, answer) => write!(f, "answered {number}: {answer:?}"),
            Event::Removal(removal) => {
                let Removal {
                    process,
                    node,
                    answer,
                    ..
                } = removal;
                write!(f, "{process} removes {node}: {answer:?}")
            }
            Event::Distrusted(process, counted) => write!(f, "{process} distrusts {counted:?}"),
            Event::Crowd(event) => write!(f, "{event}"),
            Event::Note(text) => write!(f, "--- {text}"),
        }
    }
}

fn inspection(f: &mut fmt::Formatter<'_>, seen: &Inspection) -> fmt::Result {
    let Inspection {
        term,
        role,
        committed_index,
        applied_index,
        ..
    } = seen;
    write!(f, "is {role:?} t{term}")?;
    if let Some(vote) = seen.vote {
        let won = if vote.won { "!" } else { "?" };
        write!(
            f,
            " voted t{} {:04x}{won}",
            vote.term,
            short(vote.candidate)
        )?;
    }
    if let Some(leader) = seen.leader {
        write!(f, " follows {:04x}", short(leader))?;
    }
    if let Some((index, term, _)) = seen.entries.last() {
        write!(f, " last {index}@{term}")?;
    }
    write!(
        f,
        " committed {} applied {applied_index} ",
        committed_index.unwrap_or(0)
    )?;
    seen.state_hash
        .iter()
        .take(4)
        .try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Enough of a Raft id to tell a few apart.
fn short(id: RaftId) -> u64 {
    id.get() >> 48
}
