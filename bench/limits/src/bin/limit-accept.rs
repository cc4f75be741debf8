//! Accepts connections, and answers the first bytes of each with themselves, in place of a handshake. The rest is
//! read and forgotten.

use raftwire_bench_limits::{Handler, Outputs, run};

/// By slot: which connections have said nothing yet.
#[derive(Default)]
struct Accept(Vec<bool>);

impl Handler for Accept {
    fn opened(&mut self, slot: usize, _: &mut Outputs) {
        if slot >= self.0.len() {
            self.0.resize(slot + 1, false);
        }
        self.0[slot] = true;
    }

    fn came(&mut self, slot: usize, bytes: &mut [u8], outputs: &mut Outputs) {
        if std::mem::take(&mut self.0[slot]) {
            outputs.write(slot, bytes);
        }
    }
}

fn main() -> std::io::Result<()> {
    run(&mut Accept::default(), None)
}
