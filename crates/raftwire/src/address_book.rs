//! Tells the transport where members are.

use std::collections::BTreeMap;
use std::sync::Arc;

use raftwire_consensus::ClusterState;
use raftwire_protocol::{NodeAddress, NodeId};
use raftwire_transport::ClusterTransport;

/// What the transport has been told: the address of each living member, as its row has it. So a node
/// reaches members that it was not configured with, and those that came back at another address.
#[derive(Debug)]
pub(crate) struct AddressBook {
    local: NodeId,
    transport: Arc<dyn ClusterTransport>,
    told: BTreeMap<NodeId, String>,
}

impl AddressBook {
    pub(crate) fn new(local: NodeId, transport: Arc<dyn ClusterTransport>) -> AddressBook {
        AddressBook {
            local,
            transport,
            told: BTreeMap::new(),
        }
    }

    /// Passes on what is new. Whoever is dead or removed is not dialled on: it joins again through
    /// somebody, and everybody is told.
    pub(crate) fn update(&mut self, state: &ClusterState) {
        let living = state.members.iter().filter(|(node, member)| {
            member.is_alive() && **node != self.local && member.address.is_some()
        });
        let living: BTreeMap<&NodeId, &str> = living
            .filter_map(|(node, member)| Some((node, member.address.as_deref()?)))
            .collect();
        let transport = &self.transport;
        self.told.retain(|node, _| {
            let lives = living.contains_key(node);
            if !lives {
                transport.forget(node);
            }
            lives
        });
        for (node, address) in living {
            if self.told.get(node).is_some_and(|told| told == address) {
                continue;
            }
            self.told.insert(node.clone(), address.to_owned());
            match parse(node, address) {
                Some(address) => self.transport.learn(address),
                None => tracing::warn!(%node, address, "a member has an address that is none"),
            }
        }
    }
}

/// The address of a member's row, `host:port` or `scheme://host:port`, as that of the node.
fn parse(node: &NodeId, address: &str) -> Option<NodeAddress> {
    let text = if address.contains("://") {
        format!("{address}/{node}")
    } else {
        format!("{node}@{address}")
    };
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_rows_are_addresses_of_nodes() {
        let node: NodeId = "n1".parse().expect("valid");
        for (row, whole) in [
            ("10.0.0.1:5000", "n1@10.0.0.1:5000"),
            ("ws://10.0.0.1:5000", "ws://10.0.0.1:5000/n1"),
            ("wss://host:1", "wss://host:1/n1"),
            ("[::1]:5000", "n1@[::1]:5000"),
        ] {
            let whole: NodeAddress = whole.parse().expect("valid");
            assert_eq!(parse(&node, row), Some(whole), "{row}");
        }
        assert_eq!(parse(&node, "no port"), None);
    }
}
