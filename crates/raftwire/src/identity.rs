//! Who this node is, and where it keeps what it must not forget.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use raftwire_environment::{Disk, Environment};
use raftwire_protocol::{InvalidNodeId, NodeId};

use crate::ClusterOptions;

/// The parent of the default data folders.
const DATA_ROOT: &str = "raftwire-data";
/// Holds the name of a node that was given none.
const NAME_FILE: &str = "node-id";

/// The generated name could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The data folder cannot be made, read or written.
    #[error(
        "cannot keep this node's generated name in {path}: {source}. Set data_dir to a folder that \
         this node may make and write to"
    )]
    Disk {
        /// The file with the name.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is there, and holds no name.
    #[error(
        "{path} does not hold the name of a node: {reason}. Write this node's name into it, or set \
         node_id to that name"
    )]
    NoName {
        /// The file.
        path: PathBuf,
        /// What is wrong with what it holds.
        reason: InvalidNodeId,
    },
}

/// The node's name and its data folder; `None` where nothing is kept.
pub(crate) async fn resolve(
    options: &ClusterOptions,
    environment: &Environment,
) -> Result<(NodeId, Option<PathBuf>), NameError> {
    let node = match &options.node_id {
        Some(node) => node.clone(),
        None if options.ephemeral => generate(environment),
        None => {
            let root = options
                .data_dir
                .clone()
                .unwrap_or_else(|| PathBuf::from(DATA_ROOT));
            kept_name(environment, root).await?
        }
    };
    if options.ephemeral {
        return Ok((node, None));
    }
    let default = || Path::new(DATA_ROOT).join(node.as_str());
    let data_dir = options.data_dir.clone().unwrap_or_else(default);
    Ok((node, Some(data_dir)))
}

fn generate(environment: &Environment) -> NodeId {
    let name = format!("node-{:08x}", environment.random_u64() >> 32);
    name.parse()
        .expect("a dash and hexadecimal digits are a node id")
}

/// The name in the folder, made and written there the first time.
async fn kept_name(environment: &Environment, root: PathBuf) -> Result<NodeId, NameError> {
    let disk = Arc::clone(environment.disk());
    let fresh = generate(environment);
    let path = root.join(NAME_FILE);
    // Held until the answer is there: the executor's end is the end of its tasks.
    let executor = environment.executor("node-id");
    let kept = executor.spawn("node-id", {
        let path = path.clone();
        async move { read_or_write(disk.as_ref(), &root, &path, &fresh) }
    });
    let kept = kept
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)));
    let name = kept.map_err(|source| NameError::Disk {
        path: path.clone(),
        source,
    })?;
    name.parse()
        .map_err(|reason| NameError::NoName { path, reason })
}

fn read_or_write(disk: &dyn Disk, root: &Path, path: &Path, fresh: &NodeId) -> io::Result<String> {
    match disk.read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            return Ok(text.trim().to_owned());
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    disk.create_dir_all(root)?;
    let temporary = path.with_extension("new");
    let mut file = disk.open_append(&temporary)?;
    file.truncate(0)?;
    file.append(fresh.as_str().as_bytes())?;
    file.sync_data()?;
    disk.rename(&temporary, path)?;
    disk.sync_dir(root)?;
    Ok(fresh.as_str().to_owned())
}
