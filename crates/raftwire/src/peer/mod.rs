//! The other nodes: who they are, the channels to them, the links over the channels.

mod channel;
mod facts_lane;
mod fan_lane;
mod fan_message;
mod handle;
mod hub;
mod inbound;
mod message;
mod questions;
mod registry;
mod repetition;
mod rpc;
mod target;
mod task;
mod waiting;

pub(crate) use handle::{Fan, PeerHandle, Reply, Send};
pub(crate) use hub::{Admission, Hub, HubContext};
pub(crate) use inbound::Inbound;
pub(crate) use registry::PeerRegistry;
pub(crate) use rpc::{Answer, ConsensusNetwork, Rpc, Service};
pub(crate) use target::{LinkTarget, Standing};
pub(crate) use task::PeerContext;
pub(crate) use waiting::Death;
