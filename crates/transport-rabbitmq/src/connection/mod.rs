//! A connection to a server: opening it, logging in, and its two halves.

mod handshake;
mod problem;
mod stream;

pub(crate) use handshake::{Access, open};
pub(crate) use problem::Problem;
pub(crate) use stream::{Commands, Connection, Frames};
