//! What the generator asks of the operating system: clocks, sockets, threads, and what `/proc` says of
//! processes.
//!
//! Nothing else in the crate does, and nothing here is simulated: a measurement of a simulated machine
//! would say nothing.
#![allow(clippy::disallowed_methods)] // see above; no node runs this code

mod clock;
mod files;
mod helper;
mod open_files;
mod process;
mod random;
mod sockets;
mod threads;
mod ticker;

pub(crate) use clock::{Nanos, sleep_until};
pub(crate) use files::read_file;
pub(crate) use helper::{HelperInput, HelperOutput, spawn_helper};
pub(crate) use open_files::open_files_max;
pub(crate) use process::{CpuTime, ServerProcess, ThreadTimes, cpu_of_this_thread};
pub(crate) use random::{fill_random, random_u64};
pub(crate) use sockets::{connect, resolve, source_address};
pub(crate) use threads::{cores, spawn_thread};
pub(crate) use ticker::Ticker;
