//! One process of a relay of two: `limit-relay` is the receivers', `limit-relay ADDRESS` the senders', whose
//! messages all go over one connection to the other one.
//!
//! A client hears its slot first. A message is a binary frame without a mask, whose payload begins with the slot of
//! its receiver and, filled in on the way, that of its sender, four bytes each, and is returned to its sender as it
//! is, unless the latter is [`NO_REPLY`]. What is to be written to a connection is written once in a turn.

use std::error::Error;
use std::net::SocketAddr;

use raftwire_bench_limits::{Frames, Handler, Outputs, run};

/// In place of a sender's slot: it waits for nothing.
const NO_REPLY: [u8; 4] = [0xff; 4];
/// A binary frame with a slot, and nothing more, says what the slot is.
const GREETING_BYTES: usize = 4;
const GREETING_HEAD: [u8; 2] = [0x82, GREETING_BYTES as u8];

#[derive(Default)]
struct Relay {
    /// The slot of the connection to the other process; `None`: it is the one that connects.
    link: Option<usize>,
    /// By slot.
    frames: Vec<Frames>,
}

impl Handler for Relay {
    fn opened(&mut self, slot: usize, outputs: &mut Outputs) {
        if slot >= self.frames.len() {
            self.frames.resize_with(slot + 1, Frames::default);
        }
        self.frames[slot] = Frames::default();
        if self.link != Some(slot)
            && let Some(waiting) = outputs.waiting(slot)
        {
            waiting.extend_from_slice(&GREETING_HEAD);
            waiting.extend_from_slice(&(slot as u32).to_be_bytes());
        }
    }

    fn came(&mut self, slot: usize, bytes: &mut [u8], outputs: &mut Outputs) {
        let link = self.link;
        self.frames[slot].take(bytes, |frame, head| {
            let payload = &mut frame[head..];
            let Some((receiver, rest)) = payload.split_first_chunk_mut::<4>() else {
                return;
            };
            // The link's own greeting has no rest.
            let Some(sender) = rest.first_chunk_mut::<4>() else {
                return;
            };
            let is_answered = *sender != NO_REPLY;
            match link {
                Some(link) if slot == link => {
                    let to = u32::from_be_bytes(*sender) as usize;
                    put(outputs, to, frame);
                }
                Some(link) => {
                    if is_answered {
                        *sender = (slot as u32).to_be_bytes();
                    }
                    put(outputs, link, frame);
                }
                None => {
                    let to = u32::from_be_bytes(*receiver) as usize;
                    put(outputs, to, frame);
                    if is_answered {
                        put(outputs, slot, frame);
                    }
                }
            }
        });
    }
}

fn put(outputs: &mut Outputs, slot: usize, frame: &[u8]) {
    if let Some(waiting) = outputs.waiting(slot) {
        waiting.extend_from_slice(frame);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut relay = Relay::default();
    let mut other = None;
    if let Some(address) = std::env::args().nth(1) {
        other = Some(address.parse::<SocketAddr>()?);
        relay.link = Some(0);
    }
    Ok(run(&mut relay, other)?)
}
