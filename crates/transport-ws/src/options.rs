use std::time::Duration;

use http::uri::PathAndQuery;
use raftwire_protocol::Lane;
use raftwire_transport::CreateError;
use raftwire_transport::options::{
    CONTROL_QUEUE_BYTES_MAX_DEFAULT, DATA_QUEUE_BYTES_MAX_DEFAULT, SILENT_INTERVALS_MAX, refuse,
    require_back_off, require_room_for_a_packet, require_time,
};

use crate::tls::NodeTls;

/// How a [`WsClusterTransport`](crate::WsClusterTransport) behaves. The defaults suit direct
/// links within and between data centres.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsOptions {
    /// Host and port to listen on; 0 takes a free port. `None`, as by default: the application
    /// hands upgraded streams over.
    pub listen: Option<(String, u16)>,
    /// Path of the cluster channel, the same on all nodes. Default: `/cluster`.
    pub channel_name: String,
    /// TLS between the nodes. `None`, as by default: the connections are in the clear.
    pub tls: Option<NodeTls>,
    /// How often each end pings. A peer of which not a byte has come for three intervals is
    /// dropped, and so is one that takes nothing for as long. Default: 1 s, so that a connection
    /// that died silently is dialled again before the node's lease of 5 s has run out.
    pub ping_interval: Duration,
    /// How long connecting, with its TLS handshake, and upgrading may take. Default: 3 s, enough for a lost SYN to be sent
    /// again, which the system does after 1 s.
    pub dial_timeout: Duration,
    /// How long a stranger may take for the TLS handshake, and as long again to send its upgrade
    /// request. Default: 3 s, as above.
    pub handshake_timeout: Duration,
    /// How long a channel may stay without being adopted. Default: 10 s, twice what a hello may
    /// take.
    pub adopt_timeout: Duration,
    /// Upper end of the first random pause between two attempts to dial. Default: 100 ms.
    pub back_off_min: Duration,
    /// Upper end of the longest random pause. Default: 5 s, so that a peer that comes back after
    /// a long time waits about as long as an election takes.
    pub back_off_max: Duration,
    /// Bytes that may wait to be written on a control channel. Default: 1 MiB, sixteen of the
    /// largest packets; what waits there for longer is of no use any more.
    pub control_queue_bytes_max: usize,
    /// Bytes that may wait to be written on a data channel. Default: 8 MiB, twice the window of a
    /// link, so that the link's flow control is what holds a sender back.
    pub data_queue_bytes_max: usize,
    /// How many connections that came from outside may be in their handshake, or be waiting for
    /// their hello, at the same time. Strangers can take no more memory than that of so many
    /// connections, some 100 kB each. Default: 256, two for each peer of a cluster of 128 that
    /// all dial at once.
    pub unadopted_inbound_max: usize,
}

impl Default for WsOptions {
    fn default() -> Self {
        Self {
            listen: None,
            channel_name: "/cluster".to_owned(),
            tls: None,
            ping_interval: Duration::from_secs(1),
            dial_timeout: Duration::from_secs(3),
            handshake_timeout: Duration::from_secs(3),
            adopt_timeout: Duration::from_secs(10),
            back_off_min: Duration::from_millis(100),
            back_off_max: Duration::from_secs(5),
            control_queue_bytes_max: CONTROL_QUEUE_BYTES_MAX_DEFAULT,
            data_queue_bytes_max: DATA_QUEUE_BYTES_MAX_DEFAULT,
            unadopted_inbound_max: 256,
        }
    }
}

impl WsOptions {
    /// How long nothing may come, or nothing be taken, before the peer counts as gone.
    pub(crate) fn silence_max(&self) -> Duration {
        self.ping_interval * SILENT_INTERVALS_MAX
    }

    pub(crate) fn queue_bytes_max(&self, lane: Lane) -> usize {
        match lane {
            Lane::Control => self.control_queue_bytes_max,
            Lane::Data => self.data_queue_bytes_max,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), CreateError> {
        require_time(&[
            ("ping_interval", self.ping_interval),
            ("dial_timeout", self.dial_timeout),
            ("handshake_timeout", self.handshake_timeout),
            ("adopt_timeout", self.adopt_timeout),
        ])?;
        require_back_off(self.back_off_min, self.back_off_max)?;
        let (control, data) = (Lane::Control, Lane::Data);
        require_room_for_a_packet(&[
            (
                "control_queue_bytes_max",
                control,
                self.control_queue_bytes_max,
            ),
            ("data_queue_bytes_max", data, self.data_queue_bytes_max),
        ])?;
        if self.unadopted_inbound_max == 0 {
            return refuse("unadopted_inbound_max", "with 0 no peer could ever connect");
        }
        let path: Result<PathAndQuery, _> = self.channel_name.parse();
        let is_path = |path: PathAndQuery| path.query().is_none() && path == *self.channel_name;
        if !self.channel_name.starts_with('/') || !path.is_ok_and(is_path) {
            let reason = format!("{:?} is not a path such as /cluster", self.channel_name);
            return refuse("channel_name", &reason);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(options: &WsOptions) -> &'static str {
        match options.validate() {
            Err(CreateError::Option { option, .. }) => option,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn defaults_are_valid() {
        WsOptions::default().validate().unwrap();
    }

    #[test]
    fn option_that_cannot_work_is_refused_by_name() {
        for channel_name in ["", "cluster", "/cluster?x=1", "/cluster#x", "/clu ster"] {
            let options = WsOptions {
                channel_name: channel_name.to_owned(),
                ..WsOptions::default()
            };
            assert_eq!(refused(&options), "channel_name", "{channel_name:?}");
        }
        let options = WsOptions {
            ping_interval: Duration::ZERO,
            ..WsOptions::default()
        };
        assert_eq!(refused(&options), "ping_interval");
        let options = WsOptions {
            back_off_max: Duration::from_millis(1),
            ..WsOptions::default()
        };
        assert_eq!(refused(&options), "back_off_max");
        let options = WsOptions {
            data_queue_bytes_max: 1_000,
            ..WsOptions::default()
        };
        assert_eq!(refused(&options), "data_queue_bytes_max");
        let options = WsOptions {
            unadopted_inbound_max: 0,
            ..WsOptions::default()
        };
        assert_eq!(refused(&options), "unadopted_inbound_max");
    }
}
