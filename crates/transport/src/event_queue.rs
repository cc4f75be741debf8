use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use raftwire_protocol::Lane;
use raftwire_protocol::limits::{CONTROL_PACKET_BYTES_MAX, DATA_PACKET_BYTES_MAX};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::TransportEvent;

/// Events of one lane that wait for the reader. Small packets are what this bounds: 1,024 of
/// them are a few milliseconds of work, enough for the reader to be busy elsewhere.
pub const EVENTS_PER_LANE_MAX: usize = 1_024;

/// Bytes of packets on the control lane that wait for the reader.
pub const CONTROL_EVENT_BYTES_MAX: usize = 1 << 20;

/// Bytes of packets on the data lane that wait for the reader: twice the window of a link, so
/// that one fast peer alone does not fill it.
pub const DATA_EVENT_BYTES_MAX: usize = 8 << 20;

/// After so many events of the control lane in a row comes one of the data lane, if there is
/// one: a peer that floods the control lane slows the data lane down, but cannot stop it.
const CONTROL_RUN_MAX: u32 = 64;

const _: () = {
    assert!(CONTROL_EVENT_BYTES_MAX >= 16 * CONTROL_PACKET_BYTES_MAX);
    assert!(DATA_EVENT_BYTES_MAX >= 16 * DATA_PACKET_BYTES_MAX);
    assert!(
        DATA_EVENT_BYTES_MAX <= u32::MAX as usize,
        "permits are counted in 32 bits"
    );
};

/// Makes the queue between a transport and its reader: bounded, a queue for each lane, the
/// control lane first.
pub fn event_queue() -> (TransportEventSender, TransportEvents) {
    let (control_sender, control) = lane(CONTROL_EVENT_BYTES_MAX);
    let (data_sender, data) = lane(DATA_EVENT_BYTES_MAX);
    let sender = TransportEventSender {
        control: control_sender,
        data: data_sender,
    };
    let events = TransportEvents {
        control,
        data,
        unwanted: Vec::new(),
        control_run: 0,
    };
    (sender, events)
}

fn lane(bytes_max: usize) -> (LaneSender, LaneEvents) {
    let (queue, events) = mpsc::channel(EVENTS_PER_LANE_MAX);
    let room = Arc::new(Semaphore::new(bytes_max));
    let sender = LaneSender {
        queue,
        room: Arc::clone(&room),
        bytes_max,
    };
    (sender, LaneEvents { events, room })
}

/// An event, and the room that it takes until it is read.
#[derive(Debug)]
struct Queued {
    event: TransportEvent,
    _room: OwnedSemaphorePermit,
}

#[derive(Clone, Debug)]
struct LaneSender {
    queue: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
    bytes_max: usize,
}

impl LaneSender {
    async fn send(&self, event: TransportEvent) -> Result<(), EventsClosed> {
        let bytes = event.payload_bytes().min(self.bytes_max);
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room)
            .acquire_many_owned(permits)
            .await
            .map_err(|_| EventsClosed)?;
        let queued = Queued { event, _room: room };
        self.queue.send(queued).await.map_err(|_| EventsClosed)
    }
}

#[derive(Debug)]
struct LaneEvents {
    events: mpsc::Receiver<Queued>,
    room: Arc<Semaphore>,
}

impl Drop for LaneEvents {
    fn drop(&mut self) {
        // Senders that wait for room would otherwise wait for ever.
        self.room.close();
    }
}

/// The transport's end of an [`event_queue`]. Cheap to clone; the events end when the last
/// clone is dropped.
#[derive(Clone, Debug)]
pub struct TransportEventSender {
    control: LaneSender,
    data: LaneSender,
}

impl TransportEventSender {
    /// Queues an event on the lane of its channel and waits while that lane is full. Events
    /// that are sent one after the other keep their order.
    ///
    /// # Errors
    ///
    /// [`EventsClosed`] when nobody reads any more.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped before it is ready, the event was not queued.
    pub async fn send(&self, event: TransportEvent) -> Result<(), EventsClosed> {
        match event.channel().lane {
            Lane::Control => self.control.send(event).await,
            Lane::Data => self.data.send(event).await,
        }
    }

    /// Waits until nobody reads any more.
    pub async fn closed(&self) {
        self.control.queue.closed().await;
    }
}

/// The reader of an [`event_queue`] has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads the transport's events any more")]
pub struct EventsClosed;

/// The events of one transport, for one reader.
///
/// While the reader does not read, the transport takes in at most [`EVENTS_PER_LANE_MAX`]
/// events a lane and the bytes of [`CONTROL_EVENT_BYTES_MAX`] and [`DATA_EVENT_BYTES_MAX`].
#[derive(Debug)]
pub struct TransportEvents {
    control: LaneEvents,
    data: LaneEvents,
    /// Lanes that nobody wants to hear of. They are read and thrown away, so that no transport waits
    /// for room in them.
    unwanted: Vec<LaneEvents>,
    /// How many events of the control lane came in a row.
    control_run: u32,
}

impl TransportEvents {
    /// The control lane of one transport and the data lane of another. What either has to tell of its
    /// other lane is thrown away.
    pub(crate) fn of_two(control: Self, data: Self) -> Self {
        let mut unwanted = control.unwanted;
        unwanted.push(control.data);
        unwanted.push(data.control);
        unwanted.extend(data.unwanted);
        Self {
            control: control.control,
            data: data.data,
            unwanted,
            control_run: 0,
        }
    }

    /// Waits for the next event; `None` when the transport has stopped and all was read. The
    /// control lane comes first, except that a flood of it lets a data event through now and
    /// then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: when the future is dropped, no event is lost.
    pub async fn recv(&mut self) -> Option<TransportEvent> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// Like [`recv`](Self::recv), for one who waits for several things by hand.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<TransportEvent>> {
        let mut ended = 0;
        for lane in self.order() {
            match self.lane(lane).poll_recv(context) {
                Poll::Ready(Some(queued)) => {
                    self.control_run = match lane {
                        Lane::Control => self.control_run + 1,
                        Lane::Data => 0,
                    };
                    return Poll::Ready(Some(queued.event));
                }
                Poll::Ready(None) => ended += 1,
                Poll::Pending => {}
            }
        }
        if ended == Lane::ALL.len() {
            return Poll::Ready(None);
        }
        self.discard(context);
        Poll::Pending
    }

    /// Reads what nobody wants. The runtime's own budget bounds how much at a time.
    fn discard(&mut self, context: &mut Context<'_>) {
        self.unwanted.retain_mut(|lane| {
            loop {
                match lane.events.poll_recv(context) {
                    Poll::Ready(Some(_)) => {}
                    Poll::Ready(None) => return false,
                    Poll::Pending => return true,
                }
            }
        });
    }

    /// In which order to look into the lanes.
    fn order(&mut self) -> [Lane; 2] {
        if self.control_run < CONTROL_RUN_MAX {
            return [Lane::Control, Lane::Data];
        }
        self.control_run = 0;
        [Lane::Data, Lane::Control]
    }

    fn lane(&mut self, lane: Lane) -> &mut mpsc::Receiver<Queued> {
        match lane {
            Lane::Control => &mut self.control.events,
            Lane::Data => &mut self.data.events,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Channel, ChannelId};

    fn received(lane: Lane, bytes: usize) -> TransportEvent {
        TransportEvent::Received {
            channel: Channel {
                peer: "a".parse().unwrap(),
                lane,
                id: ChannelId::new(1),
            },
            packet: Bytes::from(vec![0; bytes]),
        }
    }

    #[tokio::test]
    async fn control_comes_first() {
        let (sender, mut events) = event_queue();
        sender.send(received(Lane::Data, 1)).await.unwrap();
        sender.send(received(Lane::Control, 1)).await.unwrap();

        assert_eq!(
            events.recv().await.unwrap().channel().lane,
            Lane::Control,
            "the data event was queued first"
        );
        assert_eq!(events.recv().await.unwrap().channel().lane, Lane::Data);
    }

    #[tokio::test]
    async fn flood_of_control_lets_a_data_event_through() {
        let (sender, mut events) = event_queue();
        sender.send(received(Lane::Data, 1)).await.unwrap();
        for _ in 0..2 * CONTROL_RUN_MAX {
            sender.send(received(Lane::Control, 1)).await.unwrap();
        }

        let mut position = 0;
        while events.recv().await.unwrap().channel().lane == Lane::Control {
            position += 1;
        }
        assert_eq!(position, CONTROL_RUN_MAX);
    }

    #[tokio::test]
    async fn full_data_lane_leaves_the_control_lane_free() {
        let (sender, mut events) = event_queue();
        sender
            .send(received(Lane::Data, DATA_EVENT_BYTES_MAX))
            .await
            .unwrap();
        let waiting = sender.clone();
        let waiting = waiting.send(received(Lane::Data, 1));
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("went past the limit"),
            () = std::future::ready(()) => {}
        }

        sender.send(received(Lane::Control, 1)).await.unwrap();
        assert_eq!(events.recv().await.unwrap().channel().lane, Lane::Control);

        assert_eq!(events.recv().await.unwrap().channel().lane, Lane::Data);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn sender_that_waits_for_room_ends_when_the_reader_goes() {
        let (sender, events) = event_queue();
        sender
            .send(received(Lane::Data, DATA_EVENT_BYTES_MAX))
            .await
            .unwrap();
        let waiting = sender.send(received(Lane::Data, 1));
        drop(events);

        assert_eq!(waiting.await, Err(EventsClosed));
        sender.closed().await;
    }

    #[tokio::test]
    async fn lane_that_nobody_wants_is_read_and_holds_nobody_up() {
        let (one, control) = event_queue();
        let (other, data) = event_queue();
        let mut events = TransportEvents::of_two(control, data);
        let flood = async {
            for _ in 0..4 * EVENTS_PER_LANE_MAX {
                one.send(received(Lane::Data, 1)).await.unwrap();
                other.send(received(Lane::Control, 1)).await.unwrap();
            }
            one.send(received(Lane::Control, 1)).await.unwrap();
            other.send(received(Lane::Data, 1)).await.unwrap();
        };

        let (heard, ()) = tokio::join!(async { [events.recv().await, events.recv().await] }, flood);

        let lanes = heard.map(|event| event.unwrap().channel().lane);
        assert_eq!(lanes, [Lane::Control, Lane::Data]);
        drop((one, other));
        assert!(events.recv().await.is_none());
    }

    #[tokio::test]
    async fn events_end_when_the_last_sender_is_dropped() {
        let (sender, mut events) = event_queue();
        sender.send(received(Lane::Data, 1)).await.unwrap();
        drop(sender);

        assert!(events.recv().await.is_some());
        assert!(events.recv().await.is_none());
    }
}
