//! A transport of its own for each lane.

mod factory;
mod transport;

pub use factory::SplitClusterTransportFactory;
pub use transport::SplitClusterTransport;
