//! How bytes get from node to node: the contract that every transport implements, the
//! memory network for tests, and the conformance suite that all of them pass.
//!
//! A transport knows node ids, lanes and bytes. It may lose, duplicate, reorder and delay
//! packets; it must not corrupt them, block without bound, or buffer without bound.
//! Authentication, reliability and order are made above it, once, so that a transport that
//! an application brings along has them too.
//!
//! - [`ClusterTransport`] and [`ClusterTransportFactory`]: what a transport implements.
//! - [`SplitClusterTransport`]: two of them, one a lane.
//! - [`event_queue`]: the bounded queue between a transport and its reader, ready to use.
//! - [`memory::MemoryNetwork`]: a whole network in memory, with cuts, delays and losses drawn
//!   from a seed.
//! - [`options`]: what every transport asks of its options.
//! - `broker`, a feature: channels where there are none, for transports over a message broker.
//! - `tls`, a feature: certificates from files, for transports that speak TLS.
//! - [`conformance`]: the checks. An implementation outside this repository runs them in its
//!   own tests.

mod back_off;
#[cfg(feature = "broker")]
pub mod broker;
mod channel;
pub mod conformance;
mod event;
mod event_queue;
mod factory;
mod lanes;
pub mod memory;
pub mod options;
mod split;
#[cfg(feature = "tls")]
pub mod tls;
mod transport;

pub use back_off::BackOff;
pub use channel::{Channel, ChannelId, ChannelSecurity, Initiator};
pub use event::TransportEvent;
pub use event_queue::{
    CONTROL_EVENT_BYTES_MAX, DATA_EVENT_BYTES_MAX, EVENTS_PER_LANE_MAX, EventsClosed,
    TransportEventSender, TransportEvents, event_queue,
};
pub use factory::{ClusterTransportFactory, CreateError, TransportSetup};
pub use lanes::Lanes;
pub use split::{SplitClusterTransport, SplitClusterTransportFactory};
pub use transport::{ClusterTransport, SendError, StartError};
