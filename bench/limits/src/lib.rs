//! Bare servers: what the kernel needs for a message, a connection or a fan-out when nothing is done with it.
//!
//! Each program (`src/bin`) is a [`Handler`] in one thread. They listen on a free port of 127.0.0.1, which is the
//! first line that they print, and end when they are killed. `raftwire bench` drives them by `tcp://` addresses.
//!
//! **What is absent.** Handshakes, masks, limits of a client, timers, and everything that makes a server one.

mod event_loop;
mod frames;
mod outputs;

pub use event_loop::{Handler, run};
pub use frames::Frames;
pub use outputs::Outputs;
