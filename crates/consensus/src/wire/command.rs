//! Commands.

use bytes::Bytes;
use prost::Message as _;
use raftwire_protocol::{Incarnation, NodeId, RaftId, Session};

use super::WireError;
use super::names::{NamesBatchRecord, batch_from_record, batch_to_record};
use crate::command::{Command, Found, Join};
use crate::state::{NAMES_MAX_DEFAULT, WireVersions};

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct CommandRecord {
    #[prost(oneof = "CommandKind", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    kind: Option<CommandKind>,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
enum CommandKind {
    #[prost(message, tag = "1")]
    Found(FoundRecord),
    #[prost(message, tag = "2")]
    Join(JoinRecord),
    #[prost(message, tag = "3")]
    DeclareDead(DeclareDeadRecord),
    #[prost(message, tag = "4")]
    Leave(LeaveRecord),
    #[prost(message, tag = "7")]
    Remove(RemoveRecord),
    #[prost(message, tag = "8")]
    RaiseWireVersion(RaiseWireVersionRecord),
    #[prost(message, tag = "5")]
    Names(NamesBatchRecord),
    #[prost(message, tag = "6")]
    SweepNames(SweepNamesRecord),
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct FoundRecord {
    #[prost(bytes = "vec", tag = "1")]
    cluster_id: Vec<u8>,
    #[prost(uint64, tag = "2")]
    lease_ms: u64,
    #[prost(string, repeated, tag = "3")]
    founding: Vec<String>,
    #[prost(bool, tag = "4")]
    ephemeral: bool,
    /// The default is left out.
    #[prost(uint64, optional, tag = "5")]
    names_max: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct JoinRecord {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(uint64, tag = "2")]
    raft_id: u64,
    #[prost(bytes = "vec", tag = "3")]
    session: Vec<u8>,
    #[prost(uint64, optional, tag = "4")]
    expected: Option<u64>,
    #[prost(string, optional, tag = "5")]
    address: Option<String>,
    #[prost(bool, tag = "6")]
    ephemeral: bool,
    #[prost(bool, tag = "7")]
    edge: bool,
    #[prost(uint32, tag = "8")]
    version_min: u32,
    #[prost(uint32, tag = "9")]
    version_max: u32,
    #[prost(bytes = "vec", optional, tag = "10")]
    cluster: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct DeclareDeadRecord {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(uint64, tag = "2")]
    incarnation: u64,
    #[prost(uint64, tag = "3")]
    term: u64,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct LeaveRecord {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(uint64, tag = "2")]
    incarnation: u64,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct RemoveRecord {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(uint64, tag = "2")]
    incarnation: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct RaiseWireVersionRecord {
    #[prost(uint32, tag = "1")]
    version: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct SweepNamesRecord {
    #[prost(uint64, tag = "1")]
    incarnation: u64,
    #[prost(uint32, tag = "2")]
    rows_max: u32,
}

/// The bytes of a command.
pub fn encode_command(command: &Command) -> Bytes {
    let kind = match command {
        Command::Found(found) => CommandKind::Found(FoundRecord {
            cluster_id: found.cluster_id.to_be_bytes().to_vec(),
            lease_ms: found.lease_ms,
            ephemeral: found.ephemeral,
            names_max: (found.names_max != NAMES_MAX_DEFAULT).then_some(found.names_max),
            founding: found
                .founding
                .iter()
                .map(|node| node.as_str().to_owned())
                .collect(),
        }),
        Command::Join(join) => CommandKind::Join(JoinRecord {
            node: join.node.as_str().to_owned(),
            raft_id: join.raft_id.get(),
            session: join.session.get().to_be_bytes().to_vec(),
            expected: join.expected.map(Incarnation::get),
            address: join.address.clone(),
            ephemeral: join.ephemeral,
            edge: join.edge,
            version_min: join.versions.to_wire().0,
            version_max: join.versions.to_wire().1,
            cluster: join.cluster.map(|id| id.to_be_bytes().to_vec()),
        }),
        Command::DeclareDead {
            node,
            incarnation,
            term,
        } => CommandKind::DeclareDead(DeclareDeadRecord {
            node: node.as_str().to_owned(),
            incarnation: incarnation.get(),
            term: *term,
        }),
        Command::Leave { node, incarnation } => CommandKind::Leave(LeaveRecord {
            node: node.as_str().to_owned(),
            incarnation: incarnation.get(),
        }),
        Command::Remove { node, incarnation } => CommandKind::Remove(RemoveRecord {
            node: node.as_str().to_owned(),
            incarnation: incarnation.get(),
        }),
        Command::RaiseWireVersion { version } => {
            CommandKind::RaiseWireVersion(RaiseWireVersionRecord { version: *version })
        }
        Command::Names(batch) => CommandKind::Names(batch_to_record(batch)),
        Command::SweepNames {
            incarnation,
            rows_max,
        } => CommandKind::SweepNames(SweepNamesRecord {
            incarnation: incarnation.get(),
            rows_max: *rows_max,
        }),
        Command::Unknown(bytes) => return bytes.clone(),
    };
    CommandRecord { kind: Some(kind) }.encode_to_vec().into()
}

/// A command from its bytes; one of a later version becomes [`Command::Unknown`].
///
/// # Errors
///
/// When the bytes are damaged, or a known command has an impossible field.
pub fn decode_command(bytes: Bytes) -> Result<Command, WireError> {
    let Some(kind) = CommandRecord::decode(bytes.clone())?.kind else {
        return Ok(Command::Unknown(bytes));
    };
    Ok(match kind {
        CommandKind::Found(found) => Command::Found(Found {
            cluster_id: parse_u128(&found.cluster_id, "cluster_id")?,
            lease_ms: found.lease_ms,
            founding: found
                .founding
                .iter()
                .map(|node| parse_node(node))
                .collect::<Result<_, _>>()?,
            ephemeral: found.ephemeral,
            names_max: found.names_max.unwrap_or(NAMES_MAX_DEFAULT),
        }),
        CommandKind::Join(join) => Command::Join(Join {
            node: parse_node(&join.node)?,
            raft_id: RaftId::new(join.raft_id),
            session: Session::new(parse_u128(&join.session, "session")?),
            expected: join.expected.map(Incarnation::new),
            address: join.address,
            ephemeral: join.ephemeral,
            edge: join.edge,
            versions: WireVersions::from_wire(join.version_min, join.version_max),
            cluster: join
                .cluster
                .map(|id| parse_u128(&id, "cluster"))
                .transpose()?,
        }),
        CommandKind::DeclareDead(dead) => Command::DeclareDead {
            node: parse_node(&dead.node)?,
            incarnation: Incarnation::new(dead.incarnation),
            term: dead.term,
        },
        CommandKind::Leave(leave) => Command::Leave {
            node: parse_node(&leave.node)?,
            incarnation: Incarnation::new(leave.incarnation),
        },
        CommandKind::Remove(remove) => Command::Remove {
            node: parse_node(&remove.node)?,
            incarnation: Incarnation::new(remove.incarnation),
        },
        CommandKind::RaiseWireVersion(raise) => Command::RaiseWireVersion {
            version: raise.version,
        },
        CommandKind::Names(batch) => match batch_from_record(batch)? {
            Some(batch) => Command::Names(batch),
            None => Command::Unknown(bytes),
        },
        CommandKind::SweepNames(sweep) => Command::SweepNames {
            incarnation: Incarnation::new(sweep.incarnation),
            rows_max: sweep.rows_max,
        },
    })
}

pub(crate) fn parse_node(text: &str) -> Result<NodeId, WireError> {
    text.parse().map_err(|_| WireError::Field("node"))
}

pub(crate) fn parse_u128(bytes: &[u8], field: &'static str) -> Result<u128, WireError> {
    Ok(u128::from_be_bytes(
        bytes.try_into().map_err(|_| WireError::Field(field))?,
    ))
}
