use bytes::{Buf, BufMut, Bytes, BytesMut};
use raftwire_protocol::{Lane, NodeId, Session};

/// First byte of every message: not that of any text that a person would publish by hand.
const MAGIC: u8 = 0xA7;

/// Layout of what follows. Another one is refused: nodes of two layouts do not meet.
const VERSION: u8 = 1;

/// Magic, version, kind, lane, session, epoch, length of the id.
const FIXED_BYTES: usize = 4 + 16 + 8 + 1;

/// Session, and the two numbers of the channel.
const ADDRESS_BYTES: usize = 16 + 8 + 8;

/// Longest reason that is sent along when a channel is closed.
pub(crate) const REASON_BYTES_MAX: usize = 512;

/// Who sent a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    pub(crate) node: NodeId,
    /// Of the transport: another one after each start.
    pub(crate) session: Session,
    /// Counts the sender's connections to the broker on this lane: what it sent in an earlier one
    /// is stale.
    pub(crate) epoch: u64,
}

/// Which channel a message is for, by the numbers that its two ends have given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The session that is meant.
    pub(crate) to: Session,
    /// The sender's number for the channel.
    pub(crate) from_number: u64,
    /// The receiver's number for it; 0 while the sender has not heard it.
    pub(crate) to_number: u64,
}

/// What the transports tell each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// To all: the sender is there, and subscribed.
    Hello,
    /// To all: the sender stops.
    Goodbye,
    /// To all: a packet for whoever has a channel.
    Broadcast(Bytes),
    /// To one: the state of a channel. It opens it, answers, gives room, and asks for it.
    State {
        address: Address,
        /// How much the sender has sent by this channel.
        sent: u64,
        /// How much of what the receiver has sent the sender is done with.
        taken: u64,
    },
    /// To one: a packet.
    Packet {
        address: Address,
        /// How much the sender has sent by this channel, this packet included.
        sent: u64,
        packet: Bytes,
    },
    /// To one: the channel has ended.
    Close { address: Address, reason: String },
}

/// A message on the broker, apart from its lane, which the channel's name says too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) sender: Sender,
    pub(crate) body: Body,
}

/// A message that no transport has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message of a cluster transport")]
pub(crate) struct Malformed;

impl Sender {
    /// Writes all but the packet, which follows.
    pub(crate) fn head(&self, lane: Lane, body: &Body) -> Bytes {
        let id = self.node.as_str().as_bytes();
        let mut head = BytesMut::with_capacity(FIXED_BYTES + id.len() + ADDRESS_BYTES + 16);
        head.put_slice(&[MAGIC, VERSION, body.kind(), lane.number()]);
        head.put_slice(&self.session.to_bytes());
        head.put_u64(self.epoch);
        // Node ids have 64 bytes at most.
        head.put_u8(id.len() as u8);
        head.put_slice(id);
        match body {
            Body::Hello | Body::Goodbye | Body::Broadcast(_) => {}
            Body::State {
                address,
                sent,
                taken,
            } => {
                address.put(&mut head);
                head.put_u64(*sent);
                head.put_u64(*taken);
            }
            Body::Packet { address, sent, .. } => {
                address.put(&mut head);
                head.put_u64(*sent);
            }
            Body::Close { address, reason } => {
                address.put(&mut head);
                head.put_slice(clipped(reason).as_bytes());
            }
        }
        head.freeze()
    }
}

impl Address {
    fn put(&self, head: &mut BytesMut) {
        head.put_slice(&self.to.to_bytes());
        head.put_u64(self.from_number);
        head.put_u64(self.to_number);
    }

    fn take(bytes: &mut Bytes) -> Result<Self, Malformed> {
        Ok(Self {
            to: take_session(bytes)?,
            from_number: take_u64(bytes)?,
            to_number: take_u64(bytes)?,
        })
    }
}

impl Body {
    const fn kind(&self) -> u8 {
        match self {
            Self::Hello => 1,
            Self::Goodbye => 2,
            Self::Broadcast(_) => 3,
            Self::State { .. } => 4,
            Self::Packet { .. } => 5,
            Self::Close { .. } => 6,
        }
    }
}

impl Envelope {
    /// Reads a message that came on this lane.
    pub(crate) fn decode(lane: Lane, mut bytes: Bytes) -> Result<Self, Malformed> {
        if bytes.len() < FIXED_BYTES {
            return Err(Malformed);
        }
        let (magic, version) = (bytes.get_u8(), bytes.get_u8());
        let (kind, on) = (bytes.get_u8(), bytes.get_u8());
        if (magic, version, on) != (MAGIC, VERSION, lane.number()) {
            return Err(Malformed);
        }
        let session = take_session(&mut bytes)?;
        let epoch = take_u64(&mut bytes)?;
        let id_bytes = usize::from(bytes.get_u8());
        if bytes.len() < id_bytes {
            return Err(Malformed);
        }
        let id = bytes.split_to(id_bytes);
        let id = std::str::from_utf8(&id).map_err(|_| Malformed)?;
        let node = id.parse().map_err(|_| Malformed)?;
        let body = decode_body(lane, kind, bytes)?;
        let sender = Sender {
            node,
            session,
            epoch,
        };
        Ok(Self { sender, body })
    }
}

fn decode_body(lane: Lane, kind: u8, mut bytes: Bytes) -> Result<Body, Malformed> {
    let body = match kind {
        1 if bytes.is_empty() => Body::Hello,
        2 if bytes.is_empty() => Body::Goodbye,
        3 if bytes.len() <= lane.packet_bytes_max() => Body::Broadcast(bytes),
        4 => {
            let address = Address::take(&mut bytes)?;
            let sent = take_u64(&mut bytes)?;
            let taken = take_u64(&mut bytes)?;
            if !bytes.is_empty() {
                return Err(Malformed);
            }
            Body::State {
                address,
                sent,
                taken,
            }
        }
        5 => {
            let address = Address::take(&mut bytes)?;
            let sent = take_u64(&mut bytes)?;
            if bytes.len() > lane.packet_bytes_max() {
                return Err(Malformed);
            }
            Body::Packet {
                address,
                sent,
                packet: bytes,
            }
        }
        6 => {
            let address = Address::take(&mut bytes)?;
            if bytes.len() > REASON_BYTES_MAX {
                return Err(Malformed);
            }
            let reason = std::str::from_utf8(&bytes).map_err(|_| Malformed)?;
            // It is for a log: what moves the cursor of a terminal has no place there.
            let reason = reason.replace(char::is_control, " ");
            Body::Close { address, reason }
        }
        _ => return Err(Malformed),
    };
    Ok(body)
}

fn take_session(bytes: &mut Bytes) -> Result<Session, Malformed> {
    let mut session = [0; 16];
    bytes
        .try_copy_to_slice(&mut session)
        .map_err(|_| Malformed)?;
    match Session::from_bytes(session) {
        session if session.is_none() => Err(Malformed),
        session => Ok(session),
    }
}

fn take_u64(bytes: &mut Bytes) -> Result<u64, Malformed> {
    bytes.try_get_u64().map_err(|_| Malformed)
}

fn clipped(reason: &str) -> &str {
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender() -> Sender {
        Sender {
            node: "node-1".parse().unwrap(),
            session: Session::new(77),
            epoch: 3,
        }
    }

    fn bodies() -> Vec<Body> {
        let address = Address {
            to: Session::new(9),
            from_number: 4,
            to_number: 0,
        };
        vec![
            Body::Hello,
            Body::Goodbye,
            Body::Broadcast(Bytes::from_static(b"to all")),
            Body::State {
                address,
                sent: 1 << 40,
                taken: 2,
            },
            Body::Packet {
                address,
                sent: 5,
                packet: Bytes::from_static(b"to one"),
            },
            Body::Close {
                address,
                reason: "because".to_owned(),
            },
        ]
    }

    fn encode(lane: Lane, body: &Body) -> Bytes {
        let mut bytes = BytesMut::from(&sender().head(lane, body)[..]);
        if let Body::Broadcast(packet) | Body::Packet { packet, .. } = body {
            bytes.extend_from_slice(packet);
        }
        bytes.freeze()
    }

    #[test]
    fn messages_are_read_as_they_were_written() {
        for lane in Lane::ALL {
            for body in bodies() {
                let decoded = Envelope::decode(lane, encode(lane, &body)).unwrap();
                assert_eq!(decoded.sender, sender());
                assert_eq!(decoded.body, body);
            }
        }
    }

    #[test]
    fn truncated_messages_are_refused_or_shorter_packets() {
        for body in bodies() {
            let whole = encode(Lane::Data, &body);
            for end in 0..whole.len() {
                match Envelope::decode(Lane::Data, whole.slice(..end)) {
                    Err(Malformed) => {}
                    // What comes last has no length of its own: the broker keeps messages apart.
                    Ok(cut) => assert!(matches!(
                        cut.body,
                        Body::Broadcast(_) | Body::Packet { .. } | Body::Close { .. }
                    )),
                }
            }
        }
    }

    #[test]
    fn message_of_the_other_lane_is_refused() {
        let hello = encode(Lane::Data, &Body::Hello);
        assert_eq!(Envelope::decode(Lane::Control, hello), Err(Malformed));
    }

    #[test]
    fn packet_over_the_limit_is_refused() {
        let body = Body::Broadcast(Bytes::from(vec![0; Lane::Control.packet_bytes_max() + 1]));
        let bytes = encode(Lane::Control, &body);
        assert_eq!(Envelope::decode(Lane::Control, bytes), Err(Malformed));
    }

    #[test]
    fn any_byte_changed_never_panics() {
        for body in bodies() {
            let whole = encode(Lane::Data, &body);
            for position in 0..whole.len() {
                for flip in [0x01, 0x80, 0xFF] {
                    let mut bytes = whole.to_vec();
                    bytes[position] ^= flip;
                    let _ = Envelope::decode(Lane::Data, bytes.into());
                }
            }
        }
    }

    #[test]
    fn long_reason_is_clipped_between_two_characters() {
        let reason = "ä".repeat(REASON_BYTES_MAX);
        assert_eq!(clipped(&reason).len(), REASON_BYTES_MAX);
        let reason = format!("x{reason}");
        assert_eq!(clipped(&reason).len(), REASON_BYTES_MAX - 1);
    }
}
