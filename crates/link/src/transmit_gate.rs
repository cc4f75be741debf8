use std::time::{Duration, Instant};

/// The first wait after the transport refused a packet: it is full for as long as the network needs for a packet or two.
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// The longest wait after the transport refused one packet after the other.
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// Doublings until [`PAUSE_MAX`] is reached for certain.
const REFUSALS_COUNTED_MAX: u32 = 7;

const _: () = assert!(PAUSE_MIN.as_millis() << REFUSALS_COUNTED_MAX >= PAUSE_MAX.as_millis());

/// Whether packets may be made now: not without a channel, and not right after the transport refused one.
#[derive(Debug)]
pub(crate) struct TransmitGate {
    up: bool,
    paused_until: Option<Instant>,
    refusals: u32,
    /// The packet that was made last, as long as it can be taken back.
    last: Option<u64>,
}

impl TransmitGate {
    pub(crate) fn new() -> TransmitGate {
        TransmitGate {
            up: true,
            paused_until: None,
            refusals: 0,
            last: None,
        }
    }

    pub(crate) fn set_up(&mut self, up: bool) {
        self.up = up;
        self.paused_until = None;
        self.refusals = 0;
        self.last = None;
    }

    /// Whether a packet may be made; the one before can then no longer be taken back.
    pub(crate) fn pass(&mut self, now: Instant) -> bool {
        if self.last.take().is_some() {
            self.refusals = 0;
        }
        self.is_open(now)
    }

    /// Whether there is a channel and no pause, or one that ends now.
    pub(crate) fn is_open(&mut self, now: Instant) -> bool {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        self.up && self.paused_until.is_none()
    }

    pub(crate) fn made(&mut self, packet: u64) {
        self.last = Some(packet);
    }

    /// The last packet was refused: its number, unless it was not the last thing that happened.
    pub(crate) fn refuse(&mut self, now: Instant) -> Option<u64> {
        let packet = self.last.take()?;
        self.paused_until = Some(now + (PAUSE_MIN * (1 << self.refusals)).min(PAUSE_MAX));
        self.refusals = (self.refusals + 1).min(REFUSALS_COUNTED_MAX);
        Some(packet)
    }

    /// When packets may be made of which one wants to be made at `wanted`; never while there is no channel.
    pub(crate) fn when(&self, wanted: Option<Instant>) -> Option<Instant> {
        if !self.up {
            return None;
        }
        match self.paused_until {
            // Whatever was refused is waiting.
            Some(until) => Some(until),
            None => wanted,
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant serves as the first")]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_the_transport_refuses_and_end_with_the_first_packet_it_takes() {
        let mut now = Instant::now();
        let mut gate = TransmitGate::new();
        let mut pauses = Vec::new();
        for packet in 1..=10 {
            assert!(gate.pass(now));
            gate.made(packet);
            assert_eq!(gate.refuse(now), Some(packet));
            assert!(!gate.pass(now));
            let until = gate.when(None).expect("paused");
            pauses.push((until - now).as_millis());
            now = until;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 100, 100, 100]);

        assert!(gate.pass(now));
        gate.made(11);
        assert!(gate.pass(now));
        gate.made(12);
        assert_eq!(gate.refuse(now), Some(12));
        assert_eq!(gate.when(None), Some(now + PAUSE_MIN));
    }

    #[test]
    fn only_the_last_packet_can_be_taken_back_and_only_once() {
        let now = Instant::now();
        let mut gate = TransmitGate::new();
        assert_eq!(gate.refuse(now), None);
        gate.made(1);
        assert_eq!(gate.refuse(now), Some(1));
        assert_eq!(gate.refuse(now), None);
    }

    #[test]
    fn nothing_passes_without_a_channel() {
        let now = Instant::now();
        let mut gate = TransmitGate::new();
        gate.set_up(false);
        assert!(!gate.pass(now));
        assert_eq!(gate.when(Some(now)), None);
        gate.set_up(true);
        assert!(gate.pass(now));
        assert_eq!(gate.when(Some(now)), Some(now));
    }
}
