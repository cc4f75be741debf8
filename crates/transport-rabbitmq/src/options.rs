use std::path::PathBuf;
use std::time::Duration;

use raftwire_protocol::Lane;
use raftwire_transport::CreateError;
use raftwire_transport::broker::BrokerOptions;
use raftwire_transport::options::refuse;

use crate::RabbitMQConnectionString;
use crate::bundle::MESSAGE_BYTES_MAX;

/// How a transport of [`RabbitMQClusterTransportFactory`](crate::RabbitMQClusterTransportFactory) behaves.
#[derive(Clone, Debug)]
pub struct RabbitMQOptions {
    /// The broker, and how to log in to it.
    pub connection: RabbitMQConnectionString,
    /// A PEM file with the authorities that may sign the broker's certificate. Default: none,
    /// those of the system.
    pub tls_authorities: Option<PathBuf>,
    /// How long the broker may keep a message of the control lane. Default: 1 s, the shortest
    /// election over a broker: what is older is of an election that is over.
    pub control_ttl: Duration,
    /// Messages that the broker may deliver before they are acknowledged. Default: 256, some
    /// milliseconds of them; each may have 320 KiB.
    pub prefetch: u16,
    /// Messages that the broker keeps for one node on one lane; it refuses further ones, which the
    /// links send again. Default: 65,536.
    pub backlog_messages_max: u32,
    /// Bytes of the control lane that the broker keeps for one node. Default: 16 MiB, the windows
    /// of sixteen peers.
    pub control_backlog_bytes_max: usize,
    /// The same of the data lane. Default: 64 MiB, the windows of sixteen peers.
    pub data_backlog_bytes_max: usize,
    /// The channels.
    pub channels: BrokerOptions,
}

impl RabbitMQOptions {
    /// The defaults, for this broker.
    pub fn new(connection: RabbitMQConnectionString) -> Self {
        Self {
            connection,
            tls_authorities: None,
            control_ttl: Duration::from_secs(1),
            prefetch: 256,
            backlog_messages_max: 65_536,
            control_backlog_bytes_max: 16 << 20,
            data_backlog_bytes_max: 64 << 20,
            channels: BrokerOptions::default(),
        }
    }

    pub(crate) fn backlog_bytes_max(&self, lane: Lane) -> usize {
        match lane {
            Lane::Control => self.control_backlog_bytes_max,
            Lane::Data => self.data_backlog_bytes_max,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), CreateError> {
        if self.control_ttl < Duration::from_millis(1) {
            return refuse("control_ttl", "must be 1 ms at least");
        }
        if self.prefetch == 0 {
            return refuse(
                "prefetch",
                "with 0 the broker would deliver without a bound",
            );
        }
        if self.backlog_messages_max == 0 {
            return refuse("backlog_messages_max", "must hold one message at least");
        }
        for (option, bytes) in [
            ("control_backlog_bytes_max", self.control_backlog_bytes_max),
            ("data_backlog_bytes_max", self.data_backlog_bytes_max),
        ] {
            if bytes < MESSAGE_BYTES_MAX {
                let reason = format!("must hold one message at least, {MESSAGE_BYTES_MAX} bytes");
                return refuse(option, &reason);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> RabbitMQOptions {
        RabbitMQOptions::new("localhost".parse().unwrap())
    }

    #[test]
    fn defaults_are_valid() {
        options().validate().unwrap();
    }

    #[test]
    fn option_that_cannot_work_is_refused_by_name() {
        let refused = |change: &dyn Fn(&mut RabbitMQOptions)| {
            let mut options = options();
            change(&mut options);
            match options.validate() {
                Err(CreateError::Option { option, .. }) => option,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused(&|o| o.control_ttl = Duration::ZERO), "control_ttl");
        assert_eq!(refused(&|o| o.prefetch = 0), "prefetch");
        assert_eq!(
            refused(&|o| o.backlog_messages_max = 0),
            "backlog_messages_max"
        );
        assert_eq!(
            refused(&|o| o.data_backlog_bytes_max = 1_000),
            "data_backlog_bytes_max"
        );
    }
}
