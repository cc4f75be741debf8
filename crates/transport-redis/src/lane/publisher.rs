use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use raftwire_environment::Environment;
use tokio::time::MissedTickBehavior;

use super::{Lane, Publication, Recipient};
use crate::broker::{Commands, Problem, Replies};
use crate::resp::{self, Value};

/// Publications whose answers have not come. Together with the bytes it bounds how old what
/// the server still has before it can be.
const IN_FLIGHT_MAX: usize = 4_096;

/// Their bytes: some milliseconds of the server's work.
const IN_FLIGHT_BYTES_MAX: u64 = 4 << 20;

/// Why a connection to the broker ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error(transparent)]
    Problem(#[from] Problem),
    #[error("the broker took nothing for {0:?}")]
    Stalled(Duration),
    #[error("the broker did not answer for {0:?}")]
    Unanswered(Duration),
    #[error("the broker did not carry this node's own hello for {0:?}")]
    Deaf(Duration),
    #[error("the broker refuses to publish: {0}")]
    Refused(String),
    #[error("the broker ended the subscription: {0}")]
    Unsubscribed(String),
    #[error("the broker sent something unexpected")]
    Unexpected,
    #[error("the transport stops")]
    Stopping,
}

/// Publishes what the lane has, many commands to a write, without waiting for each answer.
pub(super) struct Publisher<'a> {
    pub(super) lane: &'a Lane,
    pub(super) environment: &'a Environment,
    pub(super) commands: Commands,
    pub(super) command: &'static [u8],
    pub(super) hello_interval: Duration,
    pub(super) silence_max: Duration,
    in_flight: InFlight,
    buffer: BytesMut,
    run: Vec<Publication>,
    /// Whether a write was given up in the middle of a command.
    torn: bool,
}

#[derive(Default)]
struct InFlight {
    publications: VecDeque<(Option<Recipient>, u64)>,
    bytes: u64,
}

impl InFlight {
    fn has_room(&self) -> bool {
        self.publications.len() < IN_FLIGHT_MAX && self.bytes < IN_FLIGHT_BYTES_MAX
    }
}

impl<'a> Publisher<'a> {
    pub(super) fn new(
        lane: &'a Lane,
        environment: &'a Environment,
        commands: Commands,
        command: &'static [u8],
        hello_interval: Duration,
        silence_max: Duration,
    ) -> Self {
        Self {
            lane,
            environment,
            commands,
            command,
            hello_interval,
            silence_max,
            in_flight: InFlight::default(),
            buffer: BytesMut::new(),
            run: Vec::new(),
            torn: false,
        }
    }

    /// Publishes until the connection ends.
    pub(super) async fn run(&mut self, answers: &mut Replies) -> Lost {
        let mut hellos = tokio::time::interval(self.hello_interval);
        hellos.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answered_at = self.environment.now();
        loop {
            tokio::select! {
                biased;
                _ = hellos.tick() => {
                    if self.is_unanswered(answered_at) {
                        return Lost::Unanswered(self.silence_max);
                    }
                    self.lane.with(|state| state.greet());
                }
                answer = answers.next() => {
                    answered_at = self.environment.now();
                    match answer {
                        Ok(answer) => if let Err(lost) = self.answered(answer) {
                            return lost;
                        },
                        Err(problem) => return problem.into(),
                    }
                }
                () = self.lane.outgoing.notified(), if self.in_flight.has_room() => {
                    if self.in_flight.publications.is_empty() {
                        answered_at = self.environment.now();
                    }
                    if let Err(lost) = self.publish().await {
                        return lost;
                    }
                }
            }
        }
    }

    fn is_unanswered(&self, answered_at: Instant) -> bool {
        let silence = self
            .environment
            .now()
            .saturating_duration_since(answered_at);
        !self.in_flight.publications.is_empty() && silence > self.silence_max
    }

    fn answered(&mut self, answer: Value) -> Result<(), Lost> {
        let receivers = match answer {
            Value::Integer(receivers) => receivers,
            Value::Error(text) => return Err(Lost::Refused(text)),
            _ => return Err(Lost::Unexpected),
        };
        let Some((to, bytes)) = self.in_flight.publications.pop_front() else {
            return Err(Lost::Unexpected);
        };
        self.in_flight.bytes -= bytes;
        if receivers == 0
            && let Some(to) = to
        {
            self.lane.with(|state| state.unheard(&to));
        }
        if self.in_flight.has_room() {
            // What waited for room goes on.
            self.lane.with(|_| ());
        }
        Ok(())
    }

    /// Writes one run.
    async fn publish(&mut self) -> Result<(), Lost> {
        let now = self.environment.now();
        // What is left for the next run wakes this task again.
        self.lane.with(|state| state.take_run(&mut self.run, now));
        for publication in self.run.drain(..) {
            encode(&mut self.buffer, self.command, &publication);
            let bytes = publication.bytes();
            self.in_flight.bytes += bytes;
            self.in_flight
                .publications
                .push_back((publication.to, bytes));
        }
        self.torn = true;
        let written = self.commands.write(&self.buffer);
        let written = tokio::time::timeout(self.silence_max, written).await;
        self.buffer.clear();
        self.torn = false;
        match written {
            Ok(written) => Ok(written?),
            Err(_) => Err(Lost::Stalled(self.silence_max)),
        }
    }

    /// Publishes what waits, and the last words. Sets no time limit.
    pub(super) async fn finish(mut self, answers: &mut Replies) -> Result<(), Lost> {
        if self.torn {
            return Err(Lost::Stopping);
        }
        while self.lane.with(|state| state.has_outgoing()) {
            self.publish().await?;
        }
        let goodbye = self.lane.with(|state| state.goodbye());
        encode(&mut self.buffer, self.command, &goodbye);
        self.in_flight.publications.push_back((None, 0));
        self.commands.write(&self.buffer).await?;
        // Whoever closes a connection before it was read may take back what was written.
        while !self.in_flight.publications.is_empty() {
            let answer = answers.next().await?;
            self.answered(answer)?;
        }
        self.commands.finish().await;
        Ok(())
    }
}

fn encode(buffer: &mut BytesMut, command: &[u8], publication: &Publication) {
    resp::begin(buffer, 3);
    resp::encode_part(buffer, &[command]);
    resp::encode_part(buffer, &[&publication.on]);
    resp::encode_part(buffer, &[&publication.head, &publication.packet]);
}
