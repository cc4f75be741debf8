//! The load generator of Raftwire: it measures WebSocket servers, and takes care not to measure itself.
//!
//! A [`Plan`] says what is asked of a server; [`run`] asks it and makes a [`Report`]. [`fanout`] measures messages
//! for many, [`idle`] what connections cost that say nothing, [`storm`] how fast they open, and [`names`] how fast they register names. `raftwire bench` is this library with a
//! command line.
//!
//! - **Lean.** Each thread has a runtime of its own and many connections. A message is neither copied nor
//!   allocated when it is read, answers are found by their slot, and what goes to a connection at once
//!   is one write.
//! - **Honest.** With a rate, latency counts from when a message was *meant* to be sent
//!   (no "coordinated omission"). Each answer is checked:
//!   one that is wrong ends the run. The report says how busy the generator was, and whether it was the
//!   bottleneck.
//!
//! **What is absent.** No simulated machine: sockets, clocks and threads are the operating
//! system's, in the module `machine` alone.
//!
//! # Examples
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use raftwire_bench::{Plan, Scenario, run};
//!
//! let plan = Plan {
//!     scenario: Scenario::Echo {
//!         server: "ws://127.0.0.1:5000/echo".parse()?,
//!         connections: 100,
//!         in_flight: 16,
//!         bytes: 64,
//!     },
//!     trust: None,
//!     warm_up: Duration::from_secs(1),
//!     length: Duration::from_secs(5),
//!     threads: None,
//!     rate: None,
//!     pids: Vec::new(),
//! };
//! let report = run(&plan, &mut |_| {})?;
//! println!("{} echoes a second", report.per_second);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod conductor;
mod connection;
mod crowd;
mod dialect;
mod distribution;
mod doors;
mod echo;
mod error;
mod fanout;
mod idle;
mod lookup;
mod machine;
mod meter;
mod name;
mod names;
mod opening;
mod pace;
mod plan;
mod protocol;
mod receiver;
mod report;
mod route;
mod run;
mod sender;
mod storm;
mod stream;
mod tally;
mod trust;
mod welcome;
mod window;
mod worker;

pub use address::{Address, AddressError, ResolveError};
pub use crowd::{Crowd, Helper, ServerKind, help};
pub use error::BenchError;
pub use fanout::{
    FanoutGenerator, FanoutPlan, FanoutReport, FanoutServer, FanoutServerKind, fanout,
};
pub use idle::{IdlePlan, IdleReport, IdleServer, idle};
pub use names::{LookupPlan, NamesPlan, NamesReport, NamesServer, names};
pub use plan::{Plan, RouteAnswer, Scenario};
pub use protocol::Protocol;
pub use report::{Generator, Percentiles, Report, Server};
pub use run::{Progress, run};
pub use storm::{StormGenerator, StormPlan, StormReport, StormServer, storm};
pub use trust::{Trust, TrustError};
