use crate::broker::BrokerTransport;

/// Makes transports at one broker.
pub trait BrokerHarness: Send + Sync {
    /// Makes a transport, not yet started, of the node with this id, which knows these peers. All that
    /// one harness has made for a cluster of the same name hear each other; nobody else has that
    /// cluster.
    fn transport(&self, cluster: &str, node: &str, peers: &[&str]) -> BrokerTransport;

    /// The same at the same broker, in a part of it that is kept apart by more than the cluster's name:
    /// a virtual host, or a prefix of all names.
    fn elsewhere(&self, cluster: &str, node: &str, peers: &[&str]) -> BrokerTransport;
}

/// For brokers that nobody else uses. The calls block until it is done.
pub trait FailingBrokerHarness: BrokerHarness {
    /// Ends the broker at once, as `kill -9` does.
    fn kill(&mut self);

    /// Starts it again at the same address.
    fn restart(&mut self);

    /// Stops its process for a while; the system keeps its connections.
    fn pause(&mut self);

    /// Lets it go on after a pause.
    fn resume(&mut self);
}
