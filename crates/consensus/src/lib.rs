//! Who is a member, who is alive, who leads: the facts that all nodes of a cluster agree on.
//!
//! [`RaftNode`] is one node's part in it. Below it there is an engine, openraft, which brings
//! elections, replication and membership changes; this crate gives it a durable log, a state
//! machine, a network and settings, and adds what is Raftwire's own: how a cluster is
//! founded, who is a member under which incarnation, and leases. No type of the engine leaves the
//! crate.
//!
//! ```text
//! node        the facade: open, start, handle, stop          founding   who founds, once
//! leader      what a leader does: seats, grants, deaths      member     joins, renews
//! lease       leases, and why they are safe                  proposer   commands to the leader
//! machine     applies the log    state   what is agreed on   event_feed what changed
//! names       what this node registers, looks up and loses   compaction snapshots of a large log
//! network     the engine's calls, over a ControlNetwork      wire       bytes on disk and between nodes
//! feed        the state for nodes without the log    log, data_dir  what survives a restart
//! ```
//!
//! **What is absent.** No socket, thread, clock or randomness but through the environment. Nothing
//! here knows of sockets, messages or transports: a connection is an id that a name stands for; peers are named, and
//! a [`ControlNetwork`] finds them. Nothing but the log decides who is dead.

mod comeback;
mod command;
mod compaction;
mod control_network;
mod data_dir;
mod engine;
mod event_feed;
mod feed;
mod follow;
mod founding;
mod inspection;
mod leader;
mod lease;
mod log;
mod machine;
mod member;
mod names;
mod network;
mod node;
mod options;
mod proposer;
mod read_index;
mod recover;
mod remove;
mod shared;
mod snapshot;
mod state;
mod status;
mod type_config;
mod wire;

/// What the crate's own tests need to name. Not part of the public surface.
#[doc(hidden)]
pub mod testing {
    pub use crate::node::testing::{
        compact, has_names_to_sweep, lookup_rounds, losses_of, propose, set_has_log,
        unacknowledged_losses,
    };

    pub use crate::command::{
        BatchRefusal, Command, Found, Join, NameOperation, NameResult, NamesAnswer, NamesBatch,
        Outcome,
    };
    pub use crate::state::{decode_state, encode_state};
    pub use crate::type_config::*;
    pub use crate::wire::*;

    /// The durable log below the engine.
    pub mod log {
        pub use crate::log::*;
    }
}

pub use self::command::NamePolicy;
pub use self::control_network::{CALL_BYTES_MAX, CallError, ControlNetwork};
pub use self::data_dir::DataDirError;
pub use self::inspection::{InspectedVote, Inspection};
pub use self::lease::LeaseView;
pub use self::names::register::RegisterError;
pub use self::node::{OpenError, RaftNode, StartError};
pub use self::options::{RaftOptions, SeatPolicy, Storage, Timings};
pub use self::read_index::NoQuorum;
pub use self::recover::{RecoverError, Recovery};
pub use self::remove::RemoveError;
pub use self::state::{
    ClusterEvent, ClusterState, DownReason, JoinRefusal, Liveness, LostName, Member, Membership,
    NAMES_MAX_CEILING, NAMES_MAX_DEFAULT, NameRow, Predecessor, UnknownCommand, WIRE_VERSION,
    WireVersions,
};
pub use self::status::{RaftStatus, Role};
