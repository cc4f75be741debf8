//! Returns the bytes of each connection as they come.

use raftwire_bench_limits::{Handler, Outputs, run};

struct Echo;

impl Handler for Echo {
    fn came(&mut self, slot: usize, bytes: &mut [u8], outputs: &mut Outputs) {
        outputs.write(slot, bytes);
    }
}

fn main() -> std::io::Result<()> {
    run(&mut Echo, None)
}
