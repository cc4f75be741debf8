use std::fmt;
use std::sync::Arc;

use raftwire_protocol::Lane;

use super::SplitClusterTransport;
use crate::{ClusterTransport, ClusterTransportFactory, CreateError, Lanes, TransportSetup};

/// Makes [`SplitClusterTransport`]s of what two other factories make.
///
/// ```
/// use std::sync::Arc;
///
/// use raftwire_transport::SplitClusterTransportFactory;
/// use raftwire_transport::memory::MemoryNetwork;
///
/// // In their place the factories of transport-ws and of a broker's transport, for instance.
/// let (direct, broker) = (MemoryNetwork::new(1), MemoryNetwork::new(2));
/// let transports = SplitClusterTransportFactory::new(Arc::new(direct), Arc::new(broker));
/// # let _: &dyn raftwire_transport::ClusterTransportFactory = &transports;
/// ```
#[derive(Clone)]
pub struct SplitClusterTransportFactory {
    control: Arc<dyn ClusterTransportFactory>,
    data: Arc<dyn ClusterTransportFactory>,
}

impl SplitClusterTransportFactory {
    /// A factory whose transports carry the control lane by one of these and the data lane by the
    /// other.
    pub fn new(
        control: Arc<dyn ClusterTransportFactory>,
        data: Arc<dyn ClusterTransportFactory>,
    ) -> Self {
        Self { control, data }
    }
}

impl fmt::Debug for SplitClusterTransportFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Factories need not be `Debug`.
        f.debug_struct("SplitClusterTransportFactory")
            .finish_non_exhaustive()
    }
}

impl ClusterTransportFactory for SplitClusterTransportFactory {
    fn create_transport(
        &self,
        setup: TransportSetup,
    ) -> Result<Arc<dyn ClusterTransport>, CreateError> {
        let of_lane = |factory: &Arc<dyn ClusterTransportFactory>, lane| {
            factory.create_transport(TransportSetup {
                lanes: Lanes::Only(lane),
                ..setup.clone()
            })
        };
        match setup.lanes {
            Lanes::Both => {
                let control = of_lane(&self.control, Lane::Control)?;
                let data = of_lane(&self.data, Lane::Data)?;
                Ok(Arc::new(SplitClusterTransport::new(control, data)))
            }
            Lanes::Only(Lane::Control) => of_lane(&self.control, Lane::Control),
            Lanes::Only(Lane::Data) => of_lane(&self.data, Lane::Data),
        }
    }
}
