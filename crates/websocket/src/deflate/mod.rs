//! Compressed messages: the extension permessage-deflate (RFC 7692).
//!
//! Each message is compressed by itself, in both directions: no context is taken over. So nothing is kept
//! of a connection between messages, one [`Deflater`] and one [`Inflater`] serve all connections of a
//! thread, and what is compressed once is the same for every recipient.

mod agreement;
mod deflated;
mod deflater;
mod inflater;
mod offer;

pub use agreement::DeflateAgreement;
pub use deflated::Deflated;
pub use deflater::Deflater;
pub use inflater::Inflater;
pub(crate) use inflater::deflated_bytes_max;

/// What a sender leaves out at the end of a message, and a receiver puts back (§7.2.1): the length of
/// the empty block that a flush ends with.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// The largest window, and the one that both sides have unless they agree on another (§7.1.2): 32 KiB.
const WINDOW_BITS: u8 = 15;
