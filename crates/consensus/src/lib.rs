//! Who is a member, who is alive, who leads: the facts that all nodes of a cluster agree on.

mod command;
mod control_network;
mod lease;
mod machine;
mod memory_log;
mod network;
mod options;
mod snapshot;
mod state;
mod type_config;
mod wire;

/// What the crate's own tests of storage need to name. Not part of the public surface.
#[doc(hidden)]
pub mod testing {
    pub use crate::command::{Command, Found, Join, Outcome};
    pub use crate::type_config::*;
    pub use crate::wire::*;
}

pub use self::control_network::{CALL_BYTES_MAX, CallError, ControlNetwork};
pub use self::options::{RaftOptions, Storage, Timings};
pub use self::state::{
    ClusterEvent, ClusterState, DownReason, JoinRefusal, Liveness, Member, Membership, Predecessor,
    UnknownCommand, WIRE_VERSION,
};
