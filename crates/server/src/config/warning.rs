//! Settings that are right, and do nothing, or less than they say.

use raftwire::ClusterOptions;

use super::ServerOptions;
use super::lanes::DIRECT;

/// A setting that a node runs with, and that does not do what whoever set it may expect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A key that concerns a transport which carries nothing.
    Unused {
        /// The key.
        key: &'static str,
        /// The transport.
        transport: &'static str,
    },
    /// A message may be larger than what waits for a client.
    LargerThanOutbox {
        /// The largest message, in bytes.
        message_bytes: usize,
        /// What may wait for one client, in bytes.
        outbox_bytes: usize,
    },
    /// Nodes are reached directly, and no other one has an address.
    DialsNobody,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::Unused { key, transport } => write!(
                f,
                "{key} is set and has no effect: {transport} carries no traffic between the nodes \
                 (transport_type, control, data)"
            ),
            Warning::LargerThanOutbox {
                message_bytes,
                outbox_bytes,
            } => write!(
                f,
                "message_bytes_max ({message_bytes}) is over outbox_bytes_max ({outbox_bytes}): a message \
                 that large reaches a client only while nothing else waits for it"
            ),
            Warning::DialsNobody => f.write_str(
                "no other node in `nodes` has an address, as in ws://host:port/nodeId: this node waits until \
                 they dial it",
            ),
        }
    }
}

impl ServerOptions {
    /// What a node that runs with this should be told of.
    pub fn warnings(&self) -> Vec<Warning> {
        let tls = &self.tls;
        let set = [
            (
                "redis_connection_string",
                "redis",
                self.redis_connection_string.is_some(),
            ),
            (
                "redis_tls_authorities",
                "redis",
                self.redis_tls_authorities.is_some(),
            ),
            (
                "rabbitmq_connection_string",
                "rabbitmq",
                self.rabbitmq_connection_string.is_some(),
            ),
            (
                "rabbitmq_tls_authorities",
                "rabbitmq",
                self.rabbitmq_tls_authorities.is_some(),
            ),
            (
                "channel_name",
                DIRECT,
                self.cluster.channel_name != ClusterOptions::default().channel_name,
            ),
            (
                "tls.node_certificate",
                DIRECT,
                tls.node_certificate.is_some(),
            ),
            (
                "tls.node_authorities",
                DIRECT,
                tls.node_authorities.is_some(),
            ),
        ];
        let unused = set
            .into_iter()
            .filter(|(_, transport, is_set)| *is_set && !self.rides_on(transport));
        let mut warnings: Vec<_> = unused
            .map(|(key, transport, _)| Warning::Unused { key, transport })
            .collect();
        let (message_bytes, outbox_bytes) = (
            self.cluster.message_bytes_max,
            self.cluster.outbox_bytes_max,
        );
        if message_bytes > outbox_bytes {
            warnings.push(Warning::LargerThanOutbox {
                message_bytes,
                outbox_bytes,
            });
        }
        let cluster = &self.cluster;
        let own = cluster.node_id.as_ref();
        let mut others = (cluster.nodes.iter())
            .filter(|node| Some(&node.node) != own)
            .peekable();
        let has_others = others.peek().is_some();
        if self.rides_on(DIRECT) && has_others && others.all(|node| node.endpoint.is_none()) {
            warnings.push(Warning::DialsNobody);
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_a_transport_that_carries_nothing_is_told_and_nothing_else() {
        let mut options = ServerOptions::default();
        assert_eq!(options.warnings(), []);
        options.redis_connection_string = Some("127.0.0.1:6379".parse().unwrap());
        options.cluster.channel_name = "/nodes".to_owned();

        let unused = |key, transport| Warning::Unused { key, transport };
        let redis = unused("redis_connection_string", "redis");
        assert_eq!(options.warnings(), [redis]);

        options.cluster.transport_type = "redis".to_owned();
        assert_eq!(options.warnings(), [unused("channel_name", "ws")]);

        options.cluster.control = Some("ws".to_owned());
        assert_eq!(options.warnings(), []);
    }

    #[test]
    fn a_node_that_can_dial_nobody_is_told() {
        let warnings = |nodes: &[&str]| {
            let mut options = ServerOptions::default();
            options.cluster.node_id = Some("node1".parse().unwrap());
            options.cluster.nodes = nodes.iter().map(|node| node.parse().unwrap()).collect();
            options.warnings()
        };

        assert_eq!(warnings(&["node1", "node2"]), [Warning::DialsNobody]);
        assert_eq!(warnings(&["node1"]), []);
        assert_eq!(warnings(&["node2", "ws://127.0.0.1:5003/node3"]), []);
    }

    #[test]
    fn a_message_that_is_larger_than_what_may_wait_is_told() {
        let mut options = ServerOptions::default();
        options.cluster.outbox_bytes_max = 1_000;
        options.cluster.message_bytes_max = 1_000;
        assert_eq!(options.warnings(), []);

        options.cluster.message_bytes_max = 1_001;
        let warnings = options.warnings();

        assert!(matches!(warnings[..], [Warning::LargerThanOutbox { .. }]));
        assert!(warnings[0].to_string().contains("(1001)"));
    }
}
