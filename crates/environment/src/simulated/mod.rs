//! One host of a turmoil simulation.

mod backend;
mod host_tasks;

pub(crate) use backend::SimulatedBackend;
pub(crate) use host_tasks::HostTasks;
