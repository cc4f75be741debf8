//! What the configuration names on the disk, looked at without a change.

use std::io;
use std::path::Path;

use raftwire_environment::Disk;
use raftwire_transport::tls::{read_authorities, read_identity};
use raftwire_transport_ws::tls::check_node_certificate;

use super::ServerOptions;
use super::lanes::DIRECT;

/// Where data is kept if nothing is said; a folder for each node is made in it.
const DATA_DIR: &str = "raftwire-data";

impl ServerOptions {
    /// Looks at every file and folder that is named: what is wrong, in words. Blocks.
    pub(super) fn check_files(&self, disk: &dyn Disk) -> Vec<String> {
        let wrong = [
            self.data_dir_error(disk),
            self.tls_error(disk).map(|error| format!("TLS: {error}")),
            self.broker_error(disk),
        ];
        wrong.into_iter().flatten().collect()
    }

    /// Whether the folder is one, or can be made as far as that is seen without making it.
    fn data_dir_error(&self, disk: &dyn Disk) -> Option<String> {
        let cluster = &self.cluster;
        if cluster.ephemeral {
            return None;
        }
        let wanted = match (&cluster.data_dir, &cluster.node_id) {
            (Some(folder), _) => folder.clone(),
            (None, Some(node)) => Path::new(DATA_DIR).join(node.as_str()),
            (None, None) => DATA_DIR.into(),
        };
        let reason = unusable(disk, &wanted)?;
        Some(format!(
            "data_dir = \"{}\" cannot be a folder of this node's: {reason}. Name a folder that the node's \
             user may make and write to, and check as that user",
            wanted.display()
        ))
    }

    fn tls_error(&self, disk: &dyn Disk) -> Option<String> {
        let tls = &self.tls;
        let pairs = [
            (&tls.certificate, &tls.key),
            (&tls.node_certificate, &tls.node_key),
        ];
        let mut shown_to_nodes = None;
        for pair in pairs {
            if let (Some(certificate), Some(key)) = pair {
                match read_identity(disk, certificate, key) {
                    Ok(identity) => shown_to_nodes = Some((certificate, identity)),
                    Err(error) => return Some(error.to_string()),
                }
            }
        }
        if let Some(authorities) = &tls.node_authorities
            && let Err(error) = read_authorities(disk, authorities)
        {
            return Some(error.to_string());
        }
        // A name that is generated at the first start is not known yet.
        let node = self.cluster.node_id.as_ref()?;
        let (path, identity) = shown_to_nodes?;
        if tls.node_authorities.is_none() || !self.rides_on(DIRECT) {
            return None;
        }
        let certificate = identity.cert.first()?;
        let checked = check_node_certificate(certificate, &self.cluster.cluster_name, node);
        let refused = checked.err()?;
        Some(format!("{}, for other nodes: {refused}", path.display()))
    }

    fn broker_error(&self, disk: &dyn Disk) -> Option<String> {
        let named = [
            (
                "redis",
                "redis_tls_authorities",
                &self.redis_tls_authorities,
            ),
            (
                "rabbitmq",
                "rabbitmq_tls_authorities",
                &self.rabbitmq_tls_authorities,
            ),
        ];
        named.into_iter().find_map(|(transport, key, path)| {
            let path = path.as_deref().filter(|_| self.rides_on(transport))?;
            let error = read_authorities(disk, path).err()?;
            Some(format!("{key}: {error}"))
        })
    }
}

/// Why a folder cannot be written to, or made where it is missing.
fn unusable(disk: &dyn Disk, wanted: &Path) -> Option<String> {
    for folder in wanted.ancestors() {
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        let refused = match disk.check_writable(folder) {
            Ok(()) if folder == wanted => return disk.list(folder).err().map(|e| e.to_string()),
            Ok(()) => return None,
            Err(refused) => refused,
        };
        return Some(match refused.kind() {
            io::ErrorKind::NotFound => continue,
            io::ErrorKind::NotADirectory => "it, or a part of its path, is a file".to_owned(),
            _ if folder == wanted => format!("it cannot be written to ({refused})"),
            _ => format!("it cannot be made in {} ({refused})", folder.display()),
        });
    }
    None
}
