//! TLS on the node's port, and between the nodes.

use std::path::PathBuf;

use raftwire_protocol::Scheme;
use raftwire_transport_ws::tls::NodeTlsFiles;

use super::ServerOptions;
use super::lanes::DIRECT;

/// The files of TLS, as they are named in the configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsOptions {
    /// The certificate that clients are shown. TLS is spoken if there is one.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// The certificate that other nodes are shown, where it is not the same.
    pub node_certificate: Option<PathBuf>,
    /// Its key.
    pub node_key: Option<PathBuf>,
    /// The authorities of the nodes' certificates.
    pub node_authorities: Option<PathBuf>,
    /// Whether nodes that dial must show a certificate.
    pub node_certificate_required: bool,
}

impl Default for TlsOptions {
    fn default() -> TlsOptions {
        TlsOptions {
            certificate: None,
            key: None,
            node_certificate: None,
            node_key: None,
            node_authorities: None,
            node_certificate_required: true,
        }
    }
}

/// Keys of TLS that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConflict {
    /// One of two that belong together is missing.
    #[error("{set} is set and {missing} is not: both are needed")]
    Missing {
        /// The key that is set.
        set: &'static str,
        /// The key that is not.
        missing: &'static str,
    },
    /// A node is to be reached over TLS, and TLS is not set up.
    #[error(
        "nodes: {node} is to be reached over TLS (wss://), which needs tls.certificate, tls.key \
         and tls.node_authorities"
    )]
    NotSetUp {
        /// The address as it was configured.
        node: String,
    },
    /// The port speaks TLS, and the other nodes could not be trusted.
    #[error(
        "nodes: {node} is another node, and tls.certificate is set: nodes then speak TLS with \
         each other as well, which needs tls.node_authorities, the authorities of their \
         certificates"
    )]
    NoAuthorities {
        /// The address as it was configured.
        node: String,
    },
}

impl ServerOptions {
    /// Checks that what is set of TLS fits together. No file is read.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check_tls(&self) -> Result<(), TlsConflict> {
        let tls = &self.tls;
        let (certificate, key) = (tls.certificate.is_some(), tls.key.is_some());
        let (of_node, its_key) = (tls.node_certificate.is_some(), tls.node_key.is_some());
        let pairs = [
            (certificate, "tls.certificate", key, "tls.key"),
            (of_node, "tls.node_certificate", its_key, "tls.node_key"),
        ];
        for (first, first_key, second, second_key) in pairs {
            let (set, missing) = match (first, second) {
                (true, false) => (first_key, second_key),
                (false, true) => (second_key, first_key),
                (true, true) | (false, false) => continue,
            };
            return Err(TlsConflict::Missing { set, missing });
        }
        let more = [
            (of_node, "tls.node_certificate", "tls.node_authorities"),
            (
                tls.node_authorities.is_some(),
                "tls.node_authorities",
                "tls.certificate",
            ),
        ];
        let there = [tls.node_authorities.is_some(), certificate];
        for ((is_set, set, missing), there) in more.into_iter().zip(there) {
            if is_set && !there {
                return Err(TlsConflict::Missing { set, missing });
            }
        }
        // Over a broker nodes show each other no certificate.
        if self.rides_on(DIRECT) {
            self.check_nodes()?;
        }
        Ok(())
    }

    fn check_nodes(&self) -> Result<(), TlsConflict> {
        let cluster = &self.cluster;
        let others = cluster
            .nodes
            .iter()
            .filter(|node| cluster.node_id.as_ref() != Some(&node.node));
        for node in others {
            let over_tls = node.endpoint.as_ref().map(|it| it.scheme) == Some(Scheme::Wss);
            let node = node.to_string();
            if self.tls.certificate.is_none() && over_tls {
                return Err(TlsConflict::NotSetUp { node });
            }
            if self.tls.certificate.is_some() && self.tls.node_authorities.is_none() {
                return Err(TlsConflict::NoAuthorities { node });
            }
        }
        Ok(())
    }
}

impl TlsOptions {
    /// What nodes show each other; `None`: the cluster has one node, or speaks no TLS.
    pub(crate) fn node_files(&self) -> Option<NodeTlsFiles> {
        Some(NodeTlsFiles {
            certificate: self.node_certificate.clone().or(self.certificate.clone())?,
            key: self.node_key.clone().or(self.key.clone())?,
            authorities: self.node_authorities.clone()?,
            certificate_required: self.node_certificate_required,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(nodes: &[&str]) -> ServerOptions {
        let mut options = ServerOptions::default();
        options.cluster.node_id = Some("node1".parse().unwrap());
        options.cluster.nodes = nodes.iter().map(|node| node.parse().unwrap()).collect();
        options
    }

    fn with_files(nodes: &[&str]) -> ServerOptions {
        let mut options = options(nodes);
        options.tls.certificate = Some("certificate.pem".into());
        options.tls.key = Some("key.pem".into());
        options
    }

    #[test]
    fn a_cluster_of_one_needs_no_authorities_and_others_do() {
        let alone = with_files(&["wss://127.0.0.1:5000/node1"]);
        let mut two = with_files(&["wss://127.0.0.1:5001/node2"]);

        assert_eq!(alone.check_tls(), Ok(()));
        let node = "wss://127.0.0.1:5001/node2".to_owned();
        assert_eq!(two.check_tls(), Err(TlsConflict::NoAuthorities { node }));
        two.tls.node_authorities = Some("authorities.pem".into());
        assert_eq!(two.check_tls(), Ok(()));
    }

    #[test]
    fn over_a_broker_alone_nodes_need_no_authorities() {
        let mut options = with_files(&["node2"]);
        assert!(options.check_tls().is_err());

        options.cluster.transport_type = "redis".to_owned();

        assert_eq!(options.check_tls(), Ok(()));
    }

    #[test]
    fn wss_without_a_certificate_is_refused() {
        let refused = options(&["wss://127.0.0.1:5001/node2"]).check_tls();

        assert!(matches!(refused, Err(TlsConflict::NotSetUp { .. })));
        assert_eq!(options(&["ws://127.0.0.1:5001/node2"]).check_tls(), Ok(()));
    }

    #[test]
    fn what_belongs_together_is_named() {
        type Set = fn(&mut TlsOptions);
        let cases: [(Set, &str, &str); 5] = [
            (|tls| tls.key = None, "tls.certificate", "tls.key"),
            (|tls| tls.certificate = None, "tls.key", "tls.certificate"),
            (
                |tls| tls.node_key = Some("key.pem".into()),
                "tls.node_key",
                "tls.node_certificate",
            ),
            (
                |tls| {
                    tls.node_certificate = Some("certificate.pem".into());
                    tls.node_key = Some("key.pem".into());
                },
                "tls.node_certificate",
                "tls.node_authorities",
            ),
            (
                |tls| {
                    *tls = TlsOptions::default();
                    tls.node_authorities = Some("authorities.pem".into());
                },
                "tls.node_authorities",
                "tls.certificate",
            ),
        ];
        for (set, is_set, missing) in cases {
            let mut options = with_files(&[]);
            set(&mut options.tls);

            let conflict = TlsConflict::Missing {
                set: is_set,
                missing,
            };
            assert_eq!(options.check_tls(), Err(conflict));
        }
    }
}
