//! The file that says whose folder it is.

use std::path::Path;
use std::str::FromStr as _;

use raftwire_protocol::{NodeId, RaftId};

use super::DataDirError;

/// Its name in the folder.
pub(super) const IDENTITY: &str = "identity";
/// The format that this version writes, and the only one that it reads.
pub(super) const FORMAT: u32 = 1;

/// What the file holds.
pub(super) fn identity_text(node: &NodeId, raft_id: RaftId) -> String {
    let facts = format!(
        "raftwire data folder, format {FORMAT}\nnode {node}\nraft_id {:016x}\n",
        raft_id.get()
    );
    let checksum = crc32fast::hash(facts.as_bytes());
    format!("{facts}checksum {checksum:08x}\n")
}

/// Whose folder `root` is, by what its file holds.
pub(super) fn parse_identity(root: &Path, bytes: &[u8]) -> Result<(NodeId, RaftId), DataDirError> {
    let damaged = || DataDirError::IdentityDamaged {
        path: root.join(IDENTITY),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| damaged())?;
    let mut lines = text.lines();
    let mut field = |prefix: &str| lines.next()?.strip_prefix(prefix);
    let format: u32 = field("raftwire data folder, format ")
        .and_then(|format| format.parse().ok())
        .ok_or_else(damaged)?;
    if format != FORMAT {
        return Err(DataDirError::Format {
            path: root.to_owned(),
            format,
        });
    }
    let node = field("node ")
        .and_then(|node| NodeId::from_str(node).ok())
        .ok_or_else(damaged)?;
    let raft_id = field("raft_id ")
        .and_then(|raft_id| u64::from_str_radix(raft_id, 16).ok())
        .map(RaftId::new)
        .ok_or_else(damaged)?;
    // It is only ever written in one way.
    if identity_text(&node, raft_id) != text {
        return Err(damaged());
    }
    Ok((node, raft_id))
}
