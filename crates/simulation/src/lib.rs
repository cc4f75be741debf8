//! Whole clusters in simulated time: everything that a run does is drawn from one seed.
//!
//! Each node is a whole one (manager, router, links, consensus, log) on a host of its own. Only
//! what `raftwire-environment` hides is simulated; packets go by the memory network, which loses and
//! repeats them, or by the WebSocket transport over simulated TCP. A
//! [`Scenario`] says how many nodes there are, how bad the network is, what goes wrong when, and
//! what clients and senders do meanwhile. [`run`] carries it out, millisecond by millisecond, and
//! judges each of them by the [`invariants`]; then all is put right, and the cluster has to serve
//! again within [`RECOVERY_MAX`].
//!
//! The same seed is the same run, in every process that runs nothing else: its [trace](TraceHash) has
//! the same hash. The binary gives each seed of a batch a process of its own.
//!
//! ```text
//! make simulate SEEDS=100          a hundred seeds
//! make simulate SEEDS=1 FIRST=42   seed 42 again
//! cargo run -p raftwire-simulation -- --seed 42 --trace     and what happened in it
//! ```

mod board;
mod cluster;
mod crowd;
mod dice;
mod fact;
pub mod invariants;
pub mod linearizability;
mod load;
mod recovery;
mod run;
mod scenario;
mod trace;
mod view;

pub use crowd::CrowdEvent;
pub use dice::Dice;
pub use fact::{Closing, End, Event, Fact, MessageId, Process, Received, Removal, Sent};
pub use invariants::{Invariants, Violation};
pub use recovery::RECOVERY_MAX;
pub use run::{Report, run};
pub use scenario::{
    Carrier, Crash, Direction, DiskError, Fault, Habit, Load, Loss, NodePlan, Part, PlannedFault,
    Rotation, Scenario, Whom,
};
pub use trace::{Lines, TraceHash};
pub use view::View;
