//! The receiving half of a link: order, deduplication, reassembly, results.

mod reassembly;
mod receiver;
mod results;
mod waiting;

pub(crate) use receiver::{Acceptance, Receiver};
