use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// What a queued packet counts for beside its bytes, so that empty packets are bounded as well.
const PACKET_OVERHEAD_BYTES: usize = 64;

/// The packets that wait to be written on one channel: bounded in bytes, filled from anywhere,
/// emptied by the channel's task.
#[derive(Debug)]
pub(crate) struct SendQueue {
    bytes_max: usize,
    state: Mutex<State>,
    filled: Notify,
    closed: Notify,
}

#[derive(Debug, Default)]
struct State {
    packets: VecDeque<Bytes>,
    bytes: usize,
    /// Why the channel is to be closed, once it is.
    closing: Option<String>,
}

/// The queue has no room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QueueFull;

impl SendQueue {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::default(),
            filled: Notify::new(),
            closed: Notify::new(),
        }
    }

    /// A packet of any size fits an empty queue.
    pub(crate) fn push(&self, packet: Bytes) -> Result<(), QueueFull> {
        let mut state = self.state();
        let bytes = state.bytes + packet.len() + PACKET_OVERHEAD_BYTES;
        if bytes > self.bytes_max && state.bytes > 0 {
            return Err(QueueFull);
        }
        state.bytes = bytes;
        state.packets.push_back(packet);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<Bytes> {
        let mut state = self.state();
        let packet = state.packets.pop_front()?;
        state.bytes -= packet.len() + PACKET_OVERHEAD_BYTES;
        Some(packet)
    }

    /// Waits until there may be a packet. For one task.
    pub(crate) async fn filled(&self) {
        if self.state().packets.is_empty() {
            self.filled.notified().await;
        }
    }

    /// Asks the channel's task to write what is queued and to close. The first reason counts.
    pub(crate) fn close(&self, reason: &str) {
        let mut state = self.state();
        state.closing.get_or_insert_with(|| reason.to_owned());
        drop(state);
        self.closed.notify_one();
    }

    /// Waits until the channel is to be closed, and says why. For one task.
    pub(crate) async fn closed(&self) -> String {
        loop {
            if let Some(reason) = &self.state().closing {
                return reason.clone();
            }
            self.closed.notified().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_takes_in_no_more_than_its_bytes() {
        let queue = SendQueue::new(1_000);
        let packet = Bytes::from(vec![0; 500 - PACKET_OVERHEAD_BYTES]);
        queue.push(packet.clone()).unwrap();
        queue.push(packet.clone()).unwrap();

        assert_eq!(queue.push(Bytes::new()), Err(QueueFull));

        queue.pop().unwrap();
        queue.push(packet).unwrap();
    }

    #[test]
    fn empty_packets_fill_the_queue_too() {
        let queue = SendQueue::new(10 * PACKET_OVERHEAD_BYTES);
        for _ in 0..10 {
            queue.push(Bytes::new()).unwrap();
        }

        assert_eq!(queue.push(Bytes::new()), Err(QueueFull));
    }

    #[test]
    fn packet_of_any_size_fits_an_empty_queue() {
        let queue = SendQueue::new(100);

        queue.push(Bytes::from(vec![0; 100])).unwrap();

        assert_eq!(queue.pop().unwrap().len(), 100);
        assert_eq!(queue.pop(), None);
    }

    #[tokio::test]
    async fn first_reason_to_close_counts() {
        let queue = SendQueue::new(100);
        queue.close("first");
        queue.close("second");

        assert_eq!(queue.closed().await, "first");
    }

    #[tokio::test]
    async fn queue_that_was_filled_before_is_seen() {
        let queue = SendQueue::new(100);
        queue.push(Bytes::from_static(b"a")).unwrap();
        queue.filled().await;
        queue.pop().unwrap();
    }
}
