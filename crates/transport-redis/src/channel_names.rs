use bytes::Bytes;
use raftwire_protocol::{Lane, NodeId};
use raftwire_transport::broker::escaped;

/// The names of the broker's channels on one lane.
///
/// All of a lane share a hash tag (the part in braces), so that a Redis Cluster keeps them in one
/// slot, which is one server's: publishing and subscribing need one connection each, while
/// another lane, and another cluster of ours, may be another server's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChannelNames {
    prefix: String,
}

impl ChannelNames {
    /// `own_prefix` comes before everything, as `channelPrefix` of a connection string asks.
    pub(crate) fn new(own_prefix: &str, cluster: &str, lane: Lane) -> Self {
        let cluster = escaped(cluster);
        Self {
            prefix: format!("{own_prefix}raftwire:{{{cluster}:{lane}}}:"),
        }
    }

    /// What goes to all nodes.
    pub(crate) fn all(&self) -> Bytes {
        format!("{}all", self.prefix).into()
    }

    /// What goes to one node.
    pub(crate) fn node(&self, node: &NodeId) -> Bytes {
        format!("{}node:{node}", self.prefix).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_prefix_cluster_lane_and_node() {
        let names = ChannelNames::new("site:", "raftwire", Lane::Control);

        assert_eq!(&names.all()[..], b"site:raftwire:{raftwire:control}:all");
        let node = names.node(&"node1".parse().unwrap());
        assert_eq!(&node[..], b"site:raftwire:{raftwire:control}:node:node1");
    }

    #[test]
    fn two_clusters_never_share_a_channel() {
        let names = ["a", "a:data", "a}", "{a", "a%7D", "%", "", "ä"];
        let mut seen = Vec::new();
        for cluster in names {
            for lane in Lane::ALL {
                let names = ChannelNames::new("", cluster, lane);
                let own = [names.all(), names.node(&"all".parse().unwrap())];
                for name in own {
                    assert!(!seen.contains(&name), "{name:?}");
                    seen.push(name);
                }
            }
        }
    }
}
