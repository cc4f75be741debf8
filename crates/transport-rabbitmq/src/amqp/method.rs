use bytes::Bytes;

use super::{class, take};

/// What a server says (1.4 to 1.8), without the answers that have nothing to tell beside having
/// come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Speaks first, and says how one may log in.
    Start { mechanisms: String },
    /// The limits of the connection.
    Tune { frame_bytes_max: u32 },
    /// The connection or the channel is closed.
    Closed(Closed),
    /// The connection or the channel was closed, as asked.
    CloseOk,
    /// The broker takes no messages until further notice.
    Blocked { reason: String },
    /// It takes them again.
    Unblocked,
    /// The queue has gone, or was taken away.
    Cancelled,
    /// A message follows.
    Deliver { tag: u64 },
    /// A message that could not be routed follows.
    Return,
    /// What was published is the broker's now.
    Ack { tag: u64, multiple: bool },
    /// What was published was refused.
    Nack { tag: u64, multiple: bool },
    /// Something that was asked for was done.
    Done,
}

/// Why a server has closed a connection or a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) text: String,
}

impl Method {
    /// Reads the payload of a method's frame; `None` when it makes no sense.
    pub(super) fn decode(mut bytes: Bytes) -> Option<Self> {
        let bytes = &mut bytes;
        let (class, method) = (take::u16(bytes)?, take::u16(bytes)?);
        Some(match (class, method) {
            (class::CONNECTION, 10) => {
                let _version = take::u16(bytes)?;
                take::table(bytes)?;
                Self::Start {
                    mechanisms: take::long(bytes)?,
                }
            }
            (class::CONNECTION, 30) => {
                let _channels_max = take::u16(bytes)?;
                Self::Tune {
                    frame_bytes_max: take::u32(bytes)?,
                }
            }
            (class::CONNECTION, 50) | (class::CHANNEL, 40) => Self::Closed(Closed {
                code: take::u16(bytes)?,
                text: take::short(bytes)?,
            }),
            (class::CONNECTION, 51) | (class::CHANNEL, 41) => Self::CloseOk,
            (class::CONNECTION, 60) => Self::Blocked {
                reason: take::short(bytes)?,
            },
            (class::CONNECTION, 61) => Self::Unblocked,
            (class::BASIC, 30) => Self::Cancelled,
            (class::BASIC, 60) => {
                let _consumer = take::short(bytes)?;
                Self::Deliver {
                    tag: take::u64(bytes)?,
                }
            }
            (class::BASIC, 50) => Self::Return,
            (class::BASIC, 80) => Self::Ack {
                tag: take::u64(bytes)?,
                multiple: take::u8(bytes)? & 1 == 1,
            },
            (class::BASIC, 120) => Self::Nack {
                tag: take::u64(bytes)?,
                multiple: take::u8(bytes)? & 1 == 1,
            },
            (class::CONNECTION, 41)
            | (class::CHANNEL | class::EXCHANGE | class::CONFIRM, 11)
            | (class::QUEUE | class::BASIC, 11 | 21) => Self::Done,
            _ => return None,
        })
    }
}
