//! Who is a member, who is alive, who leads: the facts that all nodes of a cluster agree on.

mod command;
mod control_network;
mod data_dir;
mod engine;
mod event_feed;
mod follow;
mod founding;
mod inspection;
mod leader;
mod lease;
mod log;
mod machine;
mod member;
mod network;
mod node;
mod options;
mod proposer;
mod read_index;
mod shared;
mod snapshot;
mod state;
mod status;
mod type_config;
mod wire;

/// What the crate's own tests need to name. Not part of the public surface.
#[doc(hidden)]
pub mod testing {
    pub use crate::node::testing::{compact, propose};

    pub use crate::command::{Command, Found, Join, Outcome};
    pub use crate::type_config::*;
    pub use crate::wire::*;

    /// The durable log below the engine.
    pub mod log {
        pub use crate::log::*;
    }
}

pub use self::control_network::{CALL_BYTES_MAX, CallError, ControlNetwork};
pub use self::data_dir::DataDirError;
pub use self::inspection::{InspectedVote, Inspection};
pub use self::lease::LeaseView;
pub use self::node::{OpenError, RaftNode, StartError};
pub use self::options::{RaftOptions, Storage, Timings};
pub use self::read_index::NoQuorum;
pub use self::state::{
    ClusterEvent, ClusterState, DownReason, JoinRefusal, Liveness, Member, Membership, Predecessor,
    UnknownCommand, WIRE_VERSION,
};
pub use self::status::{RaftStatus, Role};
