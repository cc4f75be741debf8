use std::time::Duration;

use super::payload::PAYLOAD_BYTES_MIN;
use crate::machine::open_files_max;
use crate::{Address, BenchError, Trust};

/// One sender, many receivers.
#[derive(Clone, Debug)]
pub struct FanoutPlan {
    /// The servers: the sender is at the first, and receivers are at all of them in turn.
    pub servers: Vec<Address>,
    /// What they are.
    pub kind: FanoutServerKind,
    /// Whose certificates servers may have that are asked with TLS.
    pub trust: Option<Trust>,
    /// How many receivers.
    pub receivers: usize,
    /// Messages that are written at once.
    pub burst: usize,
    /// Bursts that not every receiver has, before the next one waits.
    pub in_flight: usize,
    /// The length of a message, at least 16: its number and when it was sent are in it.
    pub bytes: usize,
    /// How long is sent before it is measured.
    pub warm_up: Duration,
    /// How long it is measured.
    pub length: Duration,
    /// Threads of the generator; `None`: half of the cores.
    pub threads: Option<usize>,
    /// Messages a second; `None`: as fast as they arrive.
    pub rate: Option<f64>,
    /// Processes of the server on this machine, whose processor time is read.
    pub pids: Vec<u32>,
}

/// What receivers and their sender connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FanoutServerKind {
    /// Nodes of Raftwire: the receivers join a group, and the sender sends to it.
    Node,
    /// Any server that writes each binary message of its first connection to every other one. No subprotocol is
    /// offered.
    Plain,
}

impl FanoutPlan {
    /// Fails where this cannot be measured.
    pub(super) fn check(&self) -> Result<(), BenchError> {
        for (what, count) in [
            ("the number of servers", self.servers.len()),
            ("the number of receivers", self.receivers),
            ("the number of messages at once", self.burst),
            ("the number of bursts in flight", self.in_flight),
            ("the number of threads", self.threads.unwrap_or(1)),
            (
                "the length of the measurement",
                self.length.as_millis() as usize,
            ),
        ] {
            if count == 0 {
                return Err(BenchError::Nothing(what));
            }
        }
        if self.bytes < PAYLOAD_BYTES_MIN {
            return Err(BenchError::Short {
                bytes: self.bytes,
                min: PAYLOAD_BYTES_MIN,
            });
        }
        if let Some(rate) = self.rate.filter(|rate| !rate.is_finite() || *rate <= 0.0) {
            return Err(BenchError::Rate(rate));
        }
        let (connections, max) = (self.receivers + 1, open_files_max());
        if connections > max {
            return Err(BenchError::OpenFiles { connections, max });
        }
        Ok(())
    }
}
