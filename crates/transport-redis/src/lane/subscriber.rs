use std::time::Duration;

use raftwire_environment::Environment;
use raftwire_protocol::Lane as LaneName;
use raftwire_transport::{EventsClosed, TransportEventSender};
use tokio::time::MissedTickBehavior;

use super::Lane;
use super::publisher::Lost;
use crate::broker::Replies;
use crate::envelope::Envelope;
use crate::resp::Value;

/// How often the clock is looked at within an interval of hellos.
const TICKS_PER_INTERVAL: u32 = 4;

/// Reads what the broker carries, and tells of it.
pub(super) struct Subscriber<'a> {
    pub(super) lane: &'a Lane,
    pub(super) name: LaneName,
    pub(super) environment: &'a Environment,
    pub(super) events: &'a TransportEventSender,
    pub(super) hello_interval: Duration,
    pub(super) silence_max: Duration,
}

impl Subscriber<'_> {
    /// Reads until the connection ends.
    pub(super) async fn run(&self, heard: &mut Replies) -> Lost {
        let tick = self.hello_interval / TICKS_PER_INTERVAL;
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_at = self.environment.now();
        loop {
            let begun = self.environment.now();
            if self.tell().await.is_err() {
                return Lost::Stopping;
            }
            let now = self.environment.now();
            if now.saturating_duration_since(begun) > tick {
                // Nothing was read meanwhile, so nobody was silent.
                heard_at = now;
                self.lane.with(|state| state.forgive(now));
            }
            tokio::select! {
                biased;
                _ = ticks.tick() => {
                    let now = self.environment.now();
                    if now.saturating_duration_since(heard_at) > self.silence_max {
                        return Lost::Deaf(self.silence_max);
                    }
                    self.lane.with(|state| state.tick(now));
                }
                value = heard.next() => {
                    heard_at = self.environment.now();
                    match value {
                        Ok(value) => if let Err(lost) = self.hear(value) {
                            return lost;
                        },
                        Err(problem) => return problem.into(),
                    }
                }
                () = self.lane.events.notified() => {}
            }
        }
    }

    /// Tells everything that is to be told. An event stays until it was told, so that none is
    /// lost with a connection.
    pub(super) async fn tell(&self) -> Result<(), EventsClosed> {
        while let Some(event) = self.lane.with(|state| state.event()) {
            self.events.send(event).await?;
            self.lane.with(|state| state.told());
        }
        Ok(())
    }

    fn hear(&self, value: Value) -> Result<(), Lost> {
        let Value::Array(mut parts) = value else {
            return Err(match value {
                Value::Error(text) => Lost::Unsubscribed(text),
                _ => Lost::Unexpected,
            });
        };
        let kind = parts.first().and_then(Value::text).unwrap_or_default();
        match (kind, parts.len()) {
            ("message" | "smessage", 3) => {}
            ("unsubscribe" | "sunsubscribe", _) => {
                let reason = "its channels are another server's now";
                return Err(Lost::Unsubscribed(reason.to_owned()));
            }
            _ => return Err(Lost::Unexpected),
        }
        let Some(Value::Bulk(payload)) = parts.pop() else {
            return Err(Lost::Unexpected);
        };
        match Envelope::decode(self.name, payload) {
            Ok(envelope) => {
                let now = self.environment.now();
                self.lane.with(|state| state.handle(envelope, now));
            }
            Err(error) => {
                tracing::debug!(lane = %self.name, %error, "message dropped");
                self.lane.with(|state| state.malformed());
            }
        }
        Ok(())
    }
}
