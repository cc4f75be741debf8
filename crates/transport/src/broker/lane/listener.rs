use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::Lane;
use crate::broker::{BrokerOptions, MessageSource};
use crate::{EventsClosed, TransportEventSender};

/// How often the clock is looked at within an interval of hellos.
const TICKS_PER_INTERVAL: u32 = 4;

/// Takes in what the broker carries, keeps the lane's time, and tells of what happens.
#[derive(Clone, Copy, Debug)]
pub struct Listener<'a> {
    lane: &'a Lane,
    events: &'a TransportEventSender,
    hello_interval: Duration,
    silence_max: Duration,
}

impl<'a> Listener<'a> {
    pub(super) fn new(
        lane: &'a Lane,
        events: &'a TransportEventSender,
        options: &BrokerOptions,
    ) -> Self {
        Self {
            lane,
            events,
            hello_interval: options.hello_interval,
            silence_max: options.silence_max(),
        }
    }

    /// The lane.
    pub const fn lane(&self) -> &'a Lane {
        self.lane
    }

    /// Takes in messages until there are none any more; returns why. A broker that does not even
    /// carry the node's own hello counts as gone, unless it said that it takes no messages.
    ///
    /// # Cancel safety
    ///
    /// No message is lost when the future is dropped.
    pub async fn listen<S: MessageSource>(&self, source: &mut S) -> String {
        let environment = self.lane.environment();
        let tick = self.hello_interval / TICKS_PER_INTERVAL;
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_at = environment.now();
        loop {
            let begun = environment.now();
            if self.tell().await.is_err() {
                return "nobody reads the events".to_owned();
            }
            let now = environment.now();
            if now.saturating_duration_since(begun) > tick {
                // Nothing was read meanwhile, so nobody was silent.
                heard_at = now;
                self.lane.with(|state| state.forgive(now));
            }
            tokio::select! {
                biased;
                _ = ticks.tick() => {
                    let now = environment.now();
                    let blocked = self.lane.with(|state| {
                        state.tick(now);
                        state.is_blocked()
                    });
                    if blocked {
                        heard_at = now;
                    }
                    if now.saturating_duration_since(heard_at) > self.silence_max {
                        let silence = self.silence_max;
                        return format!("the broker did not carry this node's own hello for {silence:?}");
                    }
                }
                message = source.next() => {
                    heard_at = environment.now();
                    match message {
                        Ok(message) => self.lane.hear(message),
                        Err(reason) => return reason,
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
}
