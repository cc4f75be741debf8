//! Who could reach a node, and what it must ask of them.

use std::net::IpAddr;

use raftwire::Lane;

use super::ServerOptions;
use super::lanes::DIRECT;

/// A node without a secret that somebody else could talk to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotClosed {
    /// An address that other machines reach.
    #[error(
        "no secret is set, and {what} = {address} is not a loopback address: whoever reaches the \
         cluster channel could join. Set the same `secret` on every node (RAFTWIRE_SECRET or the \
         configuration file), or use loopback addresses only"
    )]
    Address {
        /// The key that holds the address.
        what: &'static str,
        /// The address.
        address: String,
    },
    /// A broker, which others use as well.
    #[error(
        "no secret is set, and {key} = \"{transport}\": whoever may publish on the \
         broker could join. Set the same `secret` on every node (RAFTWIRE_SECRET or the \
         configuration file)"
    )]
    Broker {
        /// The key that names it.
        key: &'static str,
        /// The transport.
        transport: String,
    },
}

/// Whether only this machine can reach `host`. Of names, only `localhost` is known to be.
pub fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

impl ServerOptions {
    /// Whether only this machine can reach the port.
    pub fn listens_on_loopback(&self) -> bool {
        is_loopback(self.listen_host())
    }

    /// Without a secret, a node must be out of everybody's reach.
    ///
    /// # Errors
    /// The broker, or the first address that is not loopback.
    pub fn require_secret_or_loopback(&self) -> Result<(), NotClosed> {
        if self.cluster.secret.is_some() {
            return Ok(());
        }
        for lane in Lane::ALL {
            let transport = self.cluster.transport_of(lane);
            if transport != DIRECT {
                return Err(NotClosed::Broker {
                    key: self.key_of(lane),
                    transport: transport.to_owned(),
                });
            }
        }
        let own = [
            ("listen_address", self.listen_host()),
            ("node_address", &self.cluster.node_address),
        ];
        let peers = self
            .cluster
            .nodes
            .iter()
            .filter_map(|node| node.endpoint.as_ref());
        let peers = peers.map(|endpoint| ("nodes", endpoint.host.as_str()));
        match own
            .into_iter()
            .chain(peers)
            .find(|(_, host)| !is_loopback(host))
        {
            None => Ok(()),
            Some((what, address)) => Err(NotClosed::Address {
                what,
                address: address.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.8.9.10",
            "::1",
            "[::1]",
            "localhost",
            "LOCALHOST",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "0.0.0.0",
            "::",
            "10.0.0.1",
            "example.org",
            "localhost.example.org",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_node_without_a_secret_stays_on_loopback() {
        let mut options = ServerOptions::default();
        options.cluster.nodes = vec!["ws://127.0.0.1:5001/node2".parse().unwrap()];
        assert_eq!(options.require_secret_or_loopback(), Ok(()));

        options
            .cluster
            .nodes
            .push("ws://10.0.0.3:5000/node3".parse().unwrap());
        assert_eq!(
            options.require_secret_or_loopback(),
            Err(NotClosed::Address {
                what: "nodes",
                address: "10.0.0.3".to_owned(),
            })
        );

        options.cluster.secret = Some("a secret that all nodes share".parse().unwrap());
        assert_eq!(options.require_secret_or_loopback(), Ok(()));
    }

    #[test]
    fn a_broker_needs_a_secret_on_loopback_too() {
        let mut options = ServerOptions::default();
        options.cluster.data = Some("redis".to_owned());
        assert_eq!(
            options.require_secret_or_loopback(),
            Err(NotClosed::Broker {
                key: "data",
                transport: "redis".to_owned(),
            })
        );
        options.cluster.transport_type = "redis".to_owned();
        assert!(matches!(
            options.require_secret_or_loopback(),
            Err(NotClosed::Broker {
                key: "transport_type",
                ..
            })
        ));

        options.cluster.secret = Some("a secret that all nodes share".parse().unwrap());
        assert_eq!(options.require_secret_or_loopback(), Ok(()));
    }
}
