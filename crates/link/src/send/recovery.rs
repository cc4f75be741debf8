use std::time::{Duration, Instant};

use raftwire_protocol::link_packet::{LINK_RANGES_MAX, LinkPacket};

use super::in_flight::InFlight;
use crate::link::PACKET_BYTES;
use crate::rtt::RttEstimator;

/// When something in flight counts as lost: when it was overtaken (RFC 9002 §6.1), or when the peer's answer is
/// overdue (RFC 6298 §5, with RFC 9002's probe instead of sending all of it again).
#[derive(Debug)]
pub(crate) struct Recovery {
    rtt: RttEstimator,
    /// The largest packet number of ours that the peer said it received.
    echo: u64,
    /// When the peer's answer is overdue; `None` if nothing is in flight.
    overdue_at: Option<Instant>,
    ping_wanted: bool,
}

impl Recovery {
    pub(crate) fn new() -> Recovery {
        Recovery {
            rtt: RttEstimator::new(),
            echo: 0,
            overdue_at: None,
            ping_wanted: false,
        }
    }

    pub(crate) fn rtt(&self) -> &RttEstimator {
        &self.rtt
    }

    /// Whether the peer is to be asked for an acknowledgement, as there is nothing to send that would provoke one.
    pub(crate) fn wants_ping(&self) -> bool {
        self.ping_wanted
    }

    pub(crate) fn ping_sent(&mut self) {
        self.ping_wanted = false;
    }

    /// When the peer's answer is overdue.
    pub(crate) fn overdue_at(&self) -> Option<Instant> {
        self.overdue_at
    }

    /// Segments go out.
    pub(crate) fn on_transmit(&mut self, now: Instant) {
        if self.overdue_at.is_none() {
            self.overdue_at = Some(now + self.rtt.timeout());
        }
    }

    /// Takes in what an acknowledgement says about packets, after `in_flight` learned what it says about segments,
    /// which was news if there was `progress`.
    pub(crate) fn on_ack(
        &mut self,
        packet: &LinkPacket,
        progress: bool,
        in_flight: &mut InFlight,
        now: Instant,
    ) {
        let ack = packet.ack();
        if ack.echo > self.echo {
            self.echo = ack.echo;
            if let Some(sent_at) = in_flight.sent_at(ack.echo) {
                let elapsed = now.saturating_duration_since(sent_at);
                let delay = Duration::from_micros(ack.echo_delay_us.into());
                self.rtt.sample(elapsed, delay);
            }
        }
        let ranges = packet.ranges();
        let horizon = if ranges.len() < LINK_RANGES_MAX {
            u64::MAX
        } else {
            ranges.last().map_or(u64::MAX, |range| range.last)
        };
        in_flight.detect_losses(ack.echo, horizon, self.rtt.loss_delay(), now);
        if progress {
            self.rtt.reset_back_off();
            self.ping_wanted = false;
            self.wait_for_answer(in_flight, now);
        }
    }

    fn wait_for_answer(&mut self, in_flight: &InFlight, now: Instant) {
        self.overdue_at = (!in_flight.is_empty()).then(|| now + self.rtt.timeout());
    }

    /// If the peer's answer is overdue, arranges for something to be sent that provokes one.
    pub(crate) fn on_timeout(&mut self, in_flight: &mut InFlight, now: Instant) {
        if self.overdue_at.is_none_or(|at| at > now) {
            return;
        }
        // What has yet to be sent is no reason to wait longer for its answer.
        if in_flight.first_lost().is_none() {
            self.rtt.back_off();
            self.probe(in_flight);
        }
        self.wait_for_answer(in_flight, now);
    }

    /// The path to the peer is a new one: what was on the old one may be gone.
    pub(crate) fn on_new_path(&mut self, in_flight: &mut InFlight, now: Instant) {
        self.rtt.reset_back_off();
        if !in_flight.is_empty() && in_flight.first_lost().is_none() {
            self.probe(in_flight);
        }
        self.wait_for_answer(in_flight, now);
    }

    /// Sends the oldest packet's worth again. Its echo tells what else was lost, so that a late answer costs one packet
    /// and not a window.
    fn probe(&mut self, in_flight: &mut InFlight) {
        if !in_flight.lose_oldest(PACKET_BYTES) {
            self.ping_wanted = true;
        }
    }
}
