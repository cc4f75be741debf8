use std::ops::{Index, IndexMut};
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{Head, Outgoing};

/// A place in [`Messages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageId(u32);

/// A message from its acceptance until its last segment was acknowledged.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) token: u64,
    pub(crate) order: u128,
    pub(crate) deadline: Option<Instant>,
    pub(crate) acknowledge: bool,
    /// Bytes of head and payload together.
    pub(crate) length: u32,
    head: Head,
    payload: Bytes,
    /// Its first segment's sequence, 0 while it has none.
    pub(crate) first_sequence: u64,
    /// Bytes that segments were cut for.
    pub(crate) sequenced_bytes: u32,
    /// Segments of it that were handed to the transport.
    pub(crate) transmitted_segments: u32,
    /// It expired: it is settled, its bytes are gone, and what was not yet received of it is void.
    dropped: bool,
    occupied: bool,
    /// How often the place was given back.
    generation: u32,
}

impl Message {
    fn new(outgoing: Outgoing, generation: u32) -> Message {
        Message {
            token: outgoing.token,
            order: outgoing.order,
            deadline: outgoing.deadline,
            acknowledge: outgoing.acknowledge,
            // Limits on both keep the sum far below 32 bits.
            length: (outgoing.head.len() + outgoing.payload.len()) as u32,
            head: outgoing.head,
            payload: outgoing.payload,
            first_sequence: 0,
            sequenced_bytes: 0,
            transmitted_segments: 0,
            dropped: false,
            occupied: true,
            generation,
        }
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped
    }

    /// Whether any segment of it has a sequence.
    pub(crate) fn is_sequenced(&self) -> bool {
        self.first_sequence != 0
    }

    /// Whether any part of it was handed to the transport.
    pub(crate) fn is_transmitted(&self) -> bool {
        self.transmitted_segments > 0
    }

    /// Lets go of the bytes: they will not be sent any more.
    pub(crate) fn drop_bytes(&mut self) {
        self.dropped = true;
        self.head = Head::new();
        self.payload = Bytes::new();
    }

    /// Appends `length` bytes of head and payload, from `offset` on.
    pub(crate) fn put_bytes(&self, offset: u32, length: u32, buffer: &mut BytesMut) {
        let (start, end) = (offset as usize, (offset + length) as usize);
        let head = self.head.len();
        if start < head {
            buffer.put_slice(&self.head[start..end.min(head)]);
        }
        if end > head {
            buffer.put_slice(&self.payload[start.saturating_sub(head)..end - head]);
        }
    }

    /// Whether it still awaits its settlement.
    fn is_unsettled(&self) -> bool {
        self.occupied && !self.dropped
    }
}

/// The messages without a result, each at a place that is used again.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    places: Vec<Message>,
    free: Vec<MessageId>,
}

impl Messages {
    pub(crate) fn insert(&mut self, outgoing: Outgoing) -> MessageId {
        if let Some(id) = self.free.pop() {
            let generation = self[id].generation;
            self[id] = Message::new(outgoing, generation);
            return id;
        }
        let id = MessageId(self.places.len() as u32);
        self.places.push(Message::new(outgoing, 0));
        id
    }

    /// Gives a place back; nothing may refer to it any more except by its generation.
    pub(crate) fn free(&mut self, id: MessageId) {
        let message = &mut self[id];
        message.drop_bytes();
        message.occupied = false;
        message.generation = message.generation.wrapping_add(1);
        self.free.push(id);
    }

    pub(crate) fn generation(&self, id: MessageId) -> u32 {
        self[id].generation
    }

    /// Whether the message that was at this place in this generation still awaits its settlement.
    pub(crate) fn is_unsettled(&self, id: MessageId, generation: u32) -> bool {
        let message = &self[id];
        message.generation == generation && message.is_unsettled()
    }

    /// All messages that await their settlement.
    pub(crate) fn into_unsettled(self) -> impl Iterator<Item = Message> {
        self.places.into_iter().filter(Message::is_unsettled)
    }
}

impl Index<MessageId> for Messages {
    type Output = Message;

    fn index(&self, id: MessageId) -> &Message {
        &self.places[id.0 as usize]
    }
}

impl IndexMut<MessageId> for Messages {
    fn index_mut(&mut self, id: MessageId) -> &mut Message {
        &mut self.places[id.0 as usize]
    }
}
