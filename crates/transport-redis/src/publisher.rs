use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use raftwire_transport::broker::{BrokerOptions, Lane, Publication, Recipient};
use tokio::time::MissedTickBehavior;

use crate::broker::{Commands, Problem, Replies};
use crate::channel_names::ChannelNames;
use crate::resp::{self, Value};

/// Publications whose answers have not come. Together with the bytes it bounds how old what
/// the server still has before it can be.
const IN_FLIGHT_MAX: usize = 4_096;

/// Their bytes: some milliseconds of the server's work.
const IN_FLIGHT_BYTES_MAX: u64 = 4 << 20;

/// Why a connection to the broker ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error(transparent)]
    Problem(#[from] Problem),
    #[error("the broker took nothing for {0:?}")]
    Stalled(Duration),
    #[error("the broker did not answer for {0:?}")]
    Unanswered(Duration),
    #[error("the broker refuses to publish: {0}")]
    Refused(String),
    #[error("the broker ended the subscription: {0}")]
    Unsubscribed(String),
    #[error("the broker sent something unexpected")]
    Unexpected,
    #[error("a command was cut off in the middle")]
    Torn,
}

/// Publishes what the lane has, many commands to a write, without waiting for each answer.
pub(crate) struct Publisher {
    lane: Arc<Lane>,
    names: ChannelNames,
    commands: Commands,
    command: &'static [u8],
    hello_interval: Duration,
    silence_max: Duration,
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

impl Publisher {
    pub(crate) fn new(
        lane: Arc<Lane>,
        names: ChannelNames,
        commands: Commands,
        command: &'static [u8],
        channels: &BrokerOptions,
    ) -> Self {
        Self {
            lane,
            names,
            commands,
            command,
            hello_interval: channels.hello_interval,
            silence_max: channels.silence_max(),
            in_flight: InFlight::default(),
            buffer: BytesMut::new(),
            run: Vec::new(),
            torn: false,
        }
    }

    /// Publishes until the connection ends.
    pub(crate) async fn run(&mut self, answers: &mut Replies) -> Lost {
        let mut hellos = tokio::time::interval(self.hello_interval);
        hellos.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answered_at = self.lane.environment().now();
        loop {
            tokio::select! {
                biased;
                _ = hellos.tick() => {
                    if self.is_unanswered(answered_at) {
                        return Lost::Unanswered(self.silence_max);
                    }
                    self.lane.greet();
                }
                answer = answers.next() => {
                    answered_at = self.lane.environment().now();
                    match answer {
                        Ok(answer) => if let Err(lost) = self.answered(answer) {
                            return lost;
                        },
                        Err(problem) => return problem.into(),
                    }
                }
                () = self.lane.outgoing(), if self.in_flight.has_room() => {
                    if self.in_flight.publications.is_empty() {
                        answered_at = self.lane.environment().now();
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
            .lane
            .environment()
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
            self.lane.unheard(&to);
        }
        if self.in_flight.has_room() {
            // What waited for room goes on.
            self.lane.wake();
        }
        Ok(())
    }

    /// Writes one run.
    async fn publish(&mut self) -> Result<(), Lost> {
        // What is left for the next run wakes this task again.
        self.lane.take_run(&mut self.run);
        for publication in self.run.drain(..) {
            encode(&mut self.buffer, self.command, &self.names, &publication);
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
    pub(crate) async fn finish(mut self, answers: &mut Replies) -> Result<(), Lost> {
        if self.torn {
            return Err(Lost::Torn);
        }
        while self.lane.has_outgoing() {
            self.publish().await?;
        }
        let goodbye = self.lane.goodbye();
        encode(&mut self.buffer, self.command, &self.names, &goodbye);
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

fn encode(buffer: &mut BytesMut, command: &[u8], names: &ChannelNames, publication: &Publication) {
    let on = match &publication.to {
        Some(recipient) => names.node(recipient.node()),
        None => names.all(),
    };
    resp::begin(buffer, 3);
    resp::encode_part(buffer, &[command]);
    resp::encode_part(buffer, &[&on]);
    resp::encode_part(buffer, &[&publication.head, &publication.packet]);
}
