use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A packet counts as lost when one that was sent this much later arrived (RFC 9002 §6.1.1).
const REORDERING_MAX: u64 = 3;

/// Runs that are remembered; of what is forgotten the loss is noticed by the timeout only.
///
/// They pile up only while the peer does not answer, one or two for each packet.
const RUNS_MAX: usize = 16 * 1024;

/// Consecutive sequences that one packet carried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) packet: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
    sent_at: Instant,
}

/// Which packet carried which sequences, until it is known whether it arrived.
#[derive(Debug, Default)]
pub(crate) struct Transmissions {
    /// Ascending by packet.
    runs: VecDeque<Run>,
}

impl Transmissions {
    /// The packet, the newest, carries this sequence.
    pub(crate) fn record(&mut self, packet: u64, sequence: u64, now: Instant) {
        if let Some(run) = self.runs.back_mut()
            && run.packet == packet
            && run.last + 1 == sequence
        {
            run.last = sequence;
            return;
        }
        if self.runs.len() >= RUNS_MAX {
            self.runs.pop_front();
        }
        self.runs.push_back(Run {
            packet,
            first: sequence,
            last: sequence,
            sent_at: now,
        });
    }

    /// Takes out the last run if this packet carried it.
    pub(crate) fn pop_last(&mut self, packet: u64) -> Option<Run> {
        self.runs.pop_back_if(|run| run.packet == packet)
    }

    /// Takes out the first run if its packet must have been overtaken by `echo`, which arrived.
    ///
    /// A run that reaches beyond `horizon` cannot be judged yet.
    pub(crate) fn pop_lost(
        &mut self,
        echo: u64,
        horizon: u64,
        loss_delay: Duration,
        now: Instant,
    ) -> Option<Run> {
        let run = self.runs.front()?;
        let overtaken = run.packet + REORDERING_MAX <= echo
            || (run.packet < echo && now.saturating_duration_since(run.sent_at) >= loss_delay);
        if overtaken && run.last <= horizon {
            self.runs.pop_front()
        } else {
            None
        }
    }

    /// When the packet was made.
    pub(crate) fn sent_at(&self, packet: u64) -> Option<Instant> {
        let index = self.runs.partition_point(|run| run.packet < packet);
        self.runs
            .get(index)
            .filter(|run| run.packet == packet)
            .map(|run| run.sent_at)
    }
}
