use std::time::Duration;

use raftwire_protocol::Lane;
use raftwire_protocol::limits::{CONTROL_PACKET_BYTES_MAX, DATA_PACKET_BYTES_MAX};

use crate::CreateError;
use crate::options::{
    CONTROL_QUEUE_BYTES_MAX_DEFAULT, DATA_QUEUE_BYTES_MAX_DEFAULT, SILENT_INTERVALS_MAX, refuse,
    require_back_off, require_room_for_a_packet, require_time,
};

/// How channels over a broker behave, whichever broker it is.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// How often each node says on each lane that it is there. A peer, or a broker, of which
    /// nothing was heard for three intervals counts as gone. Default: 1 s, so that a broker that
    /// hangs is left before the node's lease of 12 s has run out, with time for an election.
    pub hello_interval: Duration,
    /// How long a channel may stay without being adopted. Default: 10 s, twice what a hello may
    /// take.
    pub adopt_timeout: Duration,
    /// Upper end of the first random pause between two attempts to connect. Default: 100 ms.
    pub back_off_min: Duration,
    /// Upper end of the longest random pause. Default: 2 s: a broker that is back should have its
    /// cluster back within about the time of an election.
    pub back_off_max: Duration,
    /// Bytes of the control lane that may be on their way to one peer, taken in by neither it
    /// nor, if it has a queue, this node. Default: 1 MiB, sixteen of the largest packets.
    pub control_window_bytes: usize,
    /// The same of the data lane. Default: 4 MiB, the window of a link. What all peers together
    /// may have on the way to one node should stay below what the broker keeps for a node: beyond
    /// it things are lost, and sent again.
    pub data_window_bytes: usize,
    /// Bytes that may wait to be published on the control lane, to all peers together. Default:
    /// 1 MiB.
    pub control_queue_bytes_max: usize,
    /// The same of the data lane. Default: 8 MiB, two windows: a node that sends to many waits
    /// for the broker rather than for memory.
    pub data_queue_bytes_max: usize,
    /// How many sessions of unknown names are kept that have not proved themselves. Default: 256.
    pub strangers_max: usize,
}

const CONTROL_WINDOW_BYTES_DEFAULT: usize = 1 << 20;
const DATA_WINDOW_BYTES_DEFAULT: usize = 4 << 20;

const _: () = {
    assert!(CONTROL_WINDOW_BYTES_DEFAULT >= 16 * CONTROL_PACKET_BYTES_MAX);
    assert!(DATA_WINDOW_BYTES_DEFAULT >= 16 * DATA_PACKET_BYTES_MAX);
    assert!(DATA_QUEUE_BYTES_MAX_DEFAULT >= DATA_WINDOW_BYTES_DEFAULT);
};

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            hello_interval: Duration::from_secs(1),
            adopt_timeout: Duration::from_secs(10),
            back_off_min: Duration::from_millis(100),
            back_off_max: Duration::from_secs(2),
            control_window_bytes: CONTROL_WINDOW_BYTES_DEFAULT,
            data_window_bytes: DATA_WINDOW_BYTES_DEFAULT,
            control_queue_bytes_max: CONTROL_QUEUE_BYTES_MAX_DEFAULT,
            data_queue_bytes_max: DATA_QUEUE_BYTES_MAX_DEFAULT,
            strangers_max: 256,
        }
    }
}

impl BrokerOptions {
    /// How long nothing may be heard before a peer or the broker counts as gone.
    pub fn silence_max(&self) -> Duration {
        self.hello_interval * SILENT_INTERVALS_MAX
    }

    pub(crate) fn window_bytes(&self, lane: Lane) -> usize {
        match lane {
            Lane::Control => self.control_window_bytes,
            Lane::Data => self.data_window_bytes,
        }
    }

    pub(crate) fn queue_bytes_max(&self, lane: Lane) -> usize {
        match lane {
            Lane::Control => self.control_queue_bytes_max,
            Lane::Data => self.data_queue_bytes_max,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), CreateError> {
        require_time(&[
            ("hello_interval", self.hello_interval),
            ("adopt_timeout", self.adopt_timeout),
        ])?;
        require_back_off(self.back_off_min, self.back_off_max)?;
        let (control, data) = (Lane::Control, Lane::Data);
        require_room_for_a_packet(&[
            ("control_window_bytes", control, self.control_window_bytes),
            ("data_window_bytes", data, self.data_window_bytes),
            (
                "control_queue_bytes_max",
                control,
                self.control_queue_bytes_max,
            ),
            ("data_queue_bytes_max", data, self.data_queue_bytes_max),
        ])?;
        if self.strangers_max == 0 {
            let reason = "with 0 no node could join that is not configured";
            return refuse("strangers_max", reason);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(options: &BrokerOptions) -> &'static str {
        match options.validate() {
            Err(CreateError::Option { option, .. }) => option,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn defaults_are_valid() {
        BrokerOptions::default().validate().unwrap();
    }

    #[test]
    fn option_that_cannot_work_is_refused_by_name() {
        let no_hello = BrokerOptions {
            hello_interval: Duration::ZERO,
            ..BrokerOptions::default()
        };
        assert_eq!(refused(&no_hello), "hello_interval");
        let back_off = BrokerOptions {
            back_off_max: Duration::from_millis(1),
            ..BrokerOptions::default()
        };
        assert_eq!(refused(&back_off), "back_off_max");
        let window = BrokerOptions {
            data_window_bytes: 1_000,
            ..BrokerOptions::default()
        };
        assert_eq!(refused(&window), "data_window_bytes");
        let strangers = BrokerOptions {
            strangers_max: 0,
            ..BrokerOptions::default()
        };
        assert_eq!(refused(&strangers), "strangers_max");
    }
}
