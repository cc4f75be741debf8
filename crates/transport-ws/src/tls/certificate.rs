use raftwire_protocol::NodeId;
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// The name that the certificate of a node has among its subject alternative names, as a URI:
/// `raftwire://<cluster name>/<node id>`.
///
/// A URI rather than a DNS name: it is compared byte by byte, has room for every node id and for
/// the cluster, and no authority that signs for web servers puts it into a certificate by chance.
///
/// ```
/// let node = "node1".parse()?;
///
/// let name = raftwire_transport_ws::tls::certificate_name("raftwire", &node);
///
/// assert_eq!(name, "raftwire://raftwire/node1");
/// # Ok::<(), raftwire_protocol::InvalidNodeId>(())
/// ```
pub fn certificate_name(cluster: &str, node: &NodeId) -> String {
    format!("raftwire://{cluster}/{node}")
}

/// Why a certificate, valid or not there, does not prove who a node is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateRefused {
    /// None was shown.
    #[error(
        "it showed no certificate, and this node requires one of its peers, which names \
         {expected}"
    )]
    Missing {
        /// The name that it would have to have.
        expected: String,
    },
    /// It is the certificate of somebody else.
    #[error("the certificate does not name {expected}: {}", found(.names))]
    OtherName {
        /// The name that it would have to have.
        expected: String,
        /// The names of nodes that it has.
        names: Vec<String>,
    },
}

fn found(names: &[String]) -> String {
    if names.is_empty() {
        return "it names no node, for which it needs that URI among its subject alternative \
                names"
            .to_owned();
    }
    format!("it names {}", names.join(", "))
}

/// Checks that a certificate is that of this node of this cluster. Its chain, its key and its time are not
/// looked at.
///
/// # Errors
///
/// [`CertificateRefused::OtherName`].
pub fn check_node_certificate(
    certificate: &CertificateDer<'_>,
    cluster: &str,
    node: &NodeId,
) -> Result<(), CertificateRefused> {
    check_name(certificate, certificate_name(cluster, node))
}

/// Checks that a certificate, whose chain is checked elsewhere, has this name.
pub(super) fn check_name(
    certificate: &CertificateDer<'_>,
    expected: String,
) -> Result<(), CertificateRefused> {
    // One that cannot be parsed has no names, and never gets as far as this.
    let parsed = EndEntityCert::try_from(certificate).ok();
    let names = parsed.iter().flat_map(|parsed| parsed.valid_uri_names());
    let names: Vec<String> = names
        .filter(|name| name.starts_with("raftwire://"))
        .map(str::to_owned)
        .collect();
    if names.contains(&expected) {
        return Ok(());
    }
    Err(CertificateRefused::OtherName { expected, names })
}
