//! Ports that nobody else takes meanwhile.

use std::sync::atomic::{AtomicU16, Ordering};

use raftwire_environment::Environment;

/// Below those that the system hands to whoever dials, so that a node that was killed finds its
/// port free when it comes back.
const FIRST: u16 = 12_000;
const COUNT: u16 = 10_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// So many ports that are free now, none of them handed out before in this process.
pub async fn free_ports(count: usize) -> Vec<u16> {
    let environment = Environment::real();
    // Another process, another beginning.
    let start = (std::process::id() as u16).wrapping_mul(97) % COUNT;
    let mut ports = Vec::with_capacity(count);
    while ports.len() < count {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(next < COUNT, "no free port found");
        let port = FIRST + (start + next) % COUNT;
        if environment.bind("127.0.0.1", port).await.is_ok() {
            ports.push(port);
        }
    }
    ports
}
