//! Writes what the first connection sends to every other one, as it comes: one write to each.

use raftwire_bench_limits::{Handler, Outputs, run};

#[derive(Default)]
struct WriteLoop {
    /// The slot of the connection that sends.
    sender: Option<usize>,
    others: Vec<usize>,
}

impl Handler for WriteLoop {
    fn opened(&mut self, slot: usize, _: &mut Outputs) {
        match self.sender {
            None => self.sender = Some(slot),
            Some(_) => self.others.push(slot),
        }
    }

    fn came(&mut self, slot: usize, bytes: &mut [u8], outputs: &mut Outputs) {
        if self.sender != Some(slot) {
            return;
        }
        for other in &self.others {
            outputs.write(*other, bytes);
        }
    }

    fn closed(&mut self, slot: usize) {
        self.others.retain(|other| *other != slot);
        if self.sender == Some(slot) {
            self.sender = None;
        }
    }
}

fn main() -> std::io::Result<()> {
    run(&mut WriteLoop::default(), None)
}
