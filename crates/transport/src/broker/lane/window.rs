/// What one packet counts for beside its bytes, so that empty packets are bounded as well: about
/// what its envelope and its command take on the broker.
pub const PACKET_OVERHEAD_BYTES: u64 = 256;

/// How much of a channel's window is taken before the sender is told: a quarter, so that room is
/// back long before the sender runs out of it.
const TELL_AT: u64 = 4;

/// The flow control of one channel, in both directions.
///
/// A broker takes in whatever is published, and cuts off a subscriber that cannot follow; so the
/// two ends see to it themselves that no more is on its way than the receiver has room for. Both
/// count the bytes of a channel from its beginning. Packets that were lost count as taken as soon
/// as something later arrives: publications of one connection keep their order.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// What was put into the queue for the peer.
    sent: u64,
    /// How much of it has left the queue.
    left: u64,
    /// How much of it the peer is done with.
    acknowledged: u64,
    /// How much of the peer's this node is done with.
    taken: u64,
    /// How much of that the peer was told.
    told: u64,
}

impl Window {
    /// Counts a packet if it fits; one of any size fits an empty window. Returns what was sent by
    /// then.
    pub(crate) fn send(&mut self, packet_bytes: usize, window_bytes: u64) -> Option<u64> {
        if !self.has_room(packet_bytes, window_bytes) {
            return None;
        }
        self.sent += packet_bytes as u64 + PACKET_OVERHEAD_BYTES;
        Some(self.sent)
    }

    pub(crate) fn has_room(&self, packet_bytes: usize, window_bytes: u64) -> bool {
        let on_the_way = self.sent - self.acknowledged;
        let cost = packet_bytes as u64 + PACKET_OVERHEAD_BYTES;
        on_the_way == 0 || on_the_way + cost <= window_bytes
    }

    /// What was sent up to here leaves the queue.
    pub(crate) fn leave(&mut self, sent: u64) {
        self.left = self.left.max(sent);
    }

    /// Whether something has left that the peer has not answered for.
    pub(crate) const fn waits(&self) -> bool {
        self.acknowledged < self.sent
    }

    /// The peer is done with what was sent up to here.
    pub(crate) fn acknowledge(&mut self, taken: u64) {
        // A stranger could claim more than there is.
        self.acknowledged = self.acknowledged.max(taken.min(self.sent));
    }

    /// This node is done with a packet, by which the peer had sent so much. Returns whether the
    /// peer should hear of it.
    pub(crate) fn take(&mut self, sent: u64, window_bytes: u64) -> bool {
        self.taken = self.taken.max(sent);
        self.taken - self.told >= window_bytes / TELL_AT
    }

    /// The peer says how much it has sent. Returns whether it should be told how much of it was
    /// taken.
    pub(crate) fn asked(&mut self, sent: u64) -> bool {
        self.taken = self.taken.max(sent);
        self.taken > self.told
    }

    /// What to tell the peer: how much was sent, how much was taken.
    pub(crate) fn tell(&mut self) -> (u64, u64) {
        self.told = self.taken;
        (self.left, self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 10 * PACKET_OVERHEAD_BYTES;

    #[test]
    fn room_comes_back_when_the_peer_has_taken() {
        let (mut here, mut there) = (Window::default(), Window::default());
        let mut told = 0;
        for _ in 0..10 {
            let sent = here.send(0, WINDOW).unwrap();
            here.leave(sent);
            told += u32::from(there.take(sent, WINDOW));
        }
        assert_eq!(here.send(0, WINDOW), None);
        assert!(told > 0, "the peer says nothing of a full window");

        let (_, taken) = there.tell();
        here.acknowledge(taken);

        assert!(here.send(0, WINDOW).is_some());
        assert!(here.waits());
    }

    #[test]
    fn packet_of_any_size_fits_an_empty_window() {
        let mut window = Window::default();
        assert!(window.send(1 << 20, WINDOW).is_some());
        assert_eq!(window.send(0, WINDOW), None);
    }

    #[test]
    fn lost_packets_at_the_end_are_answered_for_when_asked() {
        let (mut here, mut there) = (Window::default(), Window::default());
        for _ in 0..10 {
            let sent = here.send(0, WINDOW).unwrap();
            here.leave(sent);
        }
        let (sent, _) = here.tell();

        assert!(there.asked(sent));
        let (_, taken) = there.tell();
        here.acknowledge(taken);

        assert!(!here.waits());
        assert!(!there.asked(sent), "it was told");
    }

    #[test]
    fn what_is_still_in_the_queue_is_not_asked_about() {
        let mut window = Window::default();
        window.send(0, WINDOW).unwrap();

        assert_eq!(window.tell(), (0, 0));
    }

    #[test]
    fn claim_of_more_than_was_sent_gives_no_room() {
        let mut window = Window::default();
        window.send(0, WINDOW).unwrap();
        window.acknowledge(u64::MAX);
        for _ in 0..10 {
            window.send(0, WINDOW).unwrap();
        }

        assert_eq!(window.send(0, WINDOW), None);
    }
}
