use std::ops::Range;
use std::time::Duration;

/// What the network does to packets on their way from one node to another.
///
/// The default is a good local network: every packet arrives, in order, after 0.2 to 0.5 ms.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkProfile {
    /// How long a packet takes, each duration as likely as the others. Packets that are not
    /// reordered do not pass each other whatever they draw. An empty range means its start.
    pub delay: Range<Duration>,
    /// Probability that a packet is lost.
    pub loss: f64,
    /// Probability that a packet arrives twice, the second time out of order.
    pub duplicate: f64,
    /// Probability that a packet is held back, so that later ones pass it: by up to four times
    /// the largest delay, and by 4 ms at least.
    pub reorder: f64,
}

impl Default for LinkProfile {
    fn default() -> Self {
        Self {
            delay: Duration::from_micros(200)..Duration::from_micros(500),
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
        }
    }
}

impl LinkProfile {
    /// A network that does all that a transport is allowed to do to packets: delays of 1 to
    /// 20 ms, a tenth lost, a tenth repeated, a tenth out of order.
    pub fn bad() -> Self {
        Self {
            delay: Duration::from_millis(1)..Duration::from_millis(20),
            loss: 0.1,
            duplicate: 0.1,
            reorder: 0.1,
        }
    }
}
