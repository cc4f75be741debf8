//! What is between the machines, whichever carries their packets.

use std::time::Duration;

use raftwire::{ClusterOptions, ClusterTransportFactory, NodeAddress, NodeId};
use raftwire_transport::memory::{LinkProfile, MemoryNetwork};
use raftwire_transport_ws::{WsClusterTransportFactory, WsOptions};

use super::cuts::Changes;
use crate::scenario::Carrier;

/// The port that every node listens on.
const PORT: u16 = 5_000;

/// The wires between the machines.
#[derive(Clone, Debug)]
pub(super) struct Wires {
    pub(super) carrier: Carrier,
    pub(super) network: MemoryNetwork,
}

impl Wires {
    /// Where a node is for the others.
    #[allow(clippy::expect_used)] // an address made of a node id
    pub(super) fn address(&self, node: &NodeId) -> NodeAddress {
        let text = match self.carrier {
            Carrier::Memory => node.to_string(),
            Carrier::WebSocket => format!("ws://{node}:{PORT}/{node}"),
        };
        text.parse().expect("an address")
    }

    /// What makes the transports of a node that has these options.
    pub(super) fn factory(&self, options: &ClusterOptions) -> Box<dyn ClusterTransportFactory> {
        match self.carrier {
            Carrier::Memory => Box::new(self.network.clone()),
            Carrier::WebSocket => Box::new(WsClusterTransportFactory::new(WsOptions {
                listen: Some((options.node_address.clone(), PORT)),
                ..WsOptions::default()
            })),
        }
    }

    /// Cuts and heals.
    pub(super) fn change(&self, sim: &turmoil::Sim<'_>, changes: &Changes) {
        for (from, to) in &changes.to_cut {
            match self.carrier {
                Carrier::Memory => self.network.cut_one_way(from, to),
                Carrier::WebSocket => sim.partition_oneway(from.as_str(), to.as_str()),
            }
        }
        for (from, to) in &changes.to_heal {
            match self.carrier {
                Carrier::Memory => self.network.heal_one_way(from, to),
                Carrier::WebSocket => sim.repair_oneway(from.as_str(), to.as_str()),
            }
        }
    }

    /// Makes the network as bad as a profile says; simulated TCP only as slow.
    pub(super) fn set_weather(&self, sim: &turmoil::Sim<'_>, profile: LinkProfile) {
        match self.carrier {
            Carrier::Memory => self.network.set_default_profile(profile),
            Carrier::WebSocket => {
                let most = profile.delay.end.max(Duration::from_millis(1));
                sim.set_max_message_latency(most);
            }
        }
    }
}
