//! AMQP 0.9.1, as much of it as a cluster needs: frames, methods and messages, without any I/O.
//!
//! Section numbers are those of the specification, "AMQP 0-9-1"; `connection.blocked` and publisher
//! confirms are RabbitMQ's extensions of it.

mod assembly;
mod frame;
mod method;
mod writer;

pub(crate) use assembly::{Assembly, Incoming};
pub(crate) use frame::{Frame, FrameError, decode};
pub(crate) use method::{Closed, Method};
pub(crate) use writer::{Login, Queue, Writer};

/// Numbers of the classes of methods.
mod class {
    pub(super) const CONNECTION: u16 = 10;
    pub(super) const CHANNEL: u16 = 20;
    pub(super) const EXCHANGE: u16 = 40;
    pub(super) const QUEUE: u16 = 50;
    pub(super) const BASIC: u16 = 60;
    pub(super) const CONFIRM: u16 = 85;
}

/// Types of frames (4.2.3).
mod kind {
    pub(super) const METHOD: u8 = 1;
    pub(super) const HEADER: u8 = 2;
    pub(super) const BODY: u8 = 3;
    pub(super) const HEARTBEAT: u8 = 8;
}

/// The last byte of each frame.
const FRAME_END: u8 = 0xCE;

/// What a frame has besides its payload: type, channel, length, end.
const FRAME_OVERHEAD_BYTES: usize = 8;

/// The one channel that each connection has.
const CHANNEL: u16 = 1;

/// The flag of the one property that messages have, their id (4.2.6.1).
const MESSAGE_ID_FLAG: u16 = 1 << 7;

/// Takes parts off a payload; `None` when it is too short.
mod take {
    use bytes::{Buf, Bytes};

    pub(super) fn u8(bytes: &mut Bytes) -> Option<u8> {
        bytes.try_get_u8().ok()
    }

    pub(super) fn u16(bytes: &mut Bytes) -> Option<u16> {
        bytes.try_get_u16().ok()
    }

    pub(super) fn u32(bytes: &mut Bytes) -> Option<u32> {
        bytes.try_get_u32().ok()
    }

    pub(super) fn u64(bytes: &mut Bytes) -> Option<u64> {
        bytes.try_get_u64().ok()
    }

    /// A text of at most 255 bytes.
    pub(super) fn short(bytes: &mut Bytes) -> Option<String> {
        let length = usize::from(u8(bytes)?);
        text(bytes, length)
    }

    pub(super) fn long(bytes: &mut Bytes) -> Option<String> {
        let length = usize::try_from(u32(bytes)?).ok()?;
        text(bytes, length)
    }

    /// A table of fields, which nothing here reads.
    pub(super) fn table(bytes: &mut Bytes) -> Option<()> {
        let length = usize::try_from(u32(bytes)?).ok()?;
        (length <= bytes.len()).then(|| bytes.advance(length))
    }

    fn text(bytes: &mut Bytes, length: usize) -> Option<String> {
        if length > bytes.len() {
            return None;
        }
        let text = bytes.split_to(length);
        // It is for a log: what moves the cursor of a terminal has no place there.
        Some(String::from_utf8_lossy(&text).replace(char::is_control, " "))
    }
}
