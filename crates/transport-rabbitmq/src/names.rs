use raftwire_protocol::{Lane, NodeId, Session};
use raftwire_transport::CreateError;
use raftwire_transport::broker::escaped;

/// The longest name that AMQP has room for.
const NAME_BYTES_MAX: usize = 255;

/// What a queue's name has beside the exchange's: the lane, a node's id of at most 64 bytes, a
/// session in 32 digits, a number of up to 20, and the points between them.
const QUEUE_SUFFIX_BYTES_MAX: usize = 8 + 64 + 32 + 20 + 4;

/// The names that a cluster has on the broker. All of them begin with `raftwire.<cluster>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    exchange: String,
}

impl Names {
    pub(crate) fn new(cluster: &str) -> Result<Self, CreateError> {
        // A point divides the parts of a queue's name; within a cluster's it is nobody else's.
        let exchange = format!("raftwire.{}", escaped(cluster));
        if exchange.len() + QUEUE_SUFFIX_BYTES_MAX > NAME_BYTES_MAX {
            let bytes_max = NAME_BYTES_MAX - QUEUE_SUFFIX_BYTES_MAX;
            return Err(CreateError::Option {
                option: "cluster_name",
                reason: format!(
                    "{exchange:?} is longer than {bytes_max} bytes: choose a shorter one"
                ),
            });
        }
        Ok(Self { exchange })
    }

    /// What everything of the cluster is published to.
    pub(crate) fn exchange(&self) -> &str {
        &self.exchange
    }

    /// The queue of one connection of one session, which is never used again.
    pub(crate) fn queue(&self, lane: Lane, node: &NodeId, session: Session, number: u64) -> String {
        let digits: String = session
            .to_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{}.{lane}.{node}.{digits}.{number}", self.exchange)
    }
}

/// The key of what goes to all nodes on a lane.
pub(crate) fn key_of_all(lane: Lane) -> String {
    format!("{lane}.all")
}

/// The key of what goes to one node.
pub(crate) fn key_of_node(lane: Lane, node: &NodeId) -> String {
    format!("{lane}.node.{node}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_cluster_lane_node_and_session() {
        let names = Names::new("shop").unwrap();
        let node = "node1".parse().unwrap();

        assert_eq!(names.exchange(), "raftwire.shop");
        let queue = names.queue(Lane::Control, &node, Session::new(10), 3);
        let session = format!("{:032x}", 10);
        assert_eq!(queue, format!("raftwire.shop.control.node1.{session}.3"));
        assert_eq!(key_of_node(Lane::Data, &node), "data.node.node1");
        assert_eq!(key_of_all(Lane::Data), "data.all");
    }

    #[test]
    fn every_cluster_that_the_server_takes_has_names_that_fit() {
        let cluster = "c".repeat(64);
        let node = "n".repeat(64).parse().unwrap();
        let names = Names::new(&cluster).unwrap();
        let queue = names.queue(Lane::Control, &node, Session::new(1), u64::MAX);
        assert!(queue.len() <= NAME_BYTES_MAX, "{}", queue.len());

        assert!(Names::new(&"ä".repeat(64)).is_err());
    }

    #[test]
    fn two_clusters_never_share_an_exchange() {
        let clusters = ["a", "a.control", "a%", "a%25", "ä", "A", ""];
        let mut exchanges: Vec<String> = clusters
            .iter()
            .map(|cluster| Names::new(cluster).unwrap().exchange)
            .collect();
        exchanges.sort();
        exchanges.dedup();
        assert_eq!(exchanges.len(), clusters.len());
    }
}
