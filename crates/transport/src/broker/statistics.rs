/// What a transport over a broker has counted since it was made, both lanes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerStatistics {
    /// Messages on the cluster's channels that no transport has made; they were dropped.
    pub malformed: u64,
    /// Messages for a session that has ended, or of a channel or connection that was followed by
    /// another; they were dropped.
    pub stale: u64,
    /// Messages from new names that were dropped because too many wait for their hello.
    pub refused: u64,
    /// Messages from another process that has this node's own id.
    pub namesakes: u64,
    /// Packets that were received.
    pub received: u64,
    /// Messages that were published.
    pub published: u64,
    /// Messages for a peer that nobody was there to receive.
    pub unheard: u64,
    /// Messages that the broker refused because a queue of its was full. Redis refuses none.
    pub rejected: u64,
    /// How often the broker took no messages for a while. Redis tells of none.
    pub blocked: u64,
    /// How often a lane was connected to the broker.
    pub connected: u64,
}

impl std::ops::Add for BrokerStatistics {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            malformed: self.malformed + other.malformed,
            stale: self.stale + other.stale,
            refused: self.refused + other.refused,
            namesakes: self.namesakes + other.namesakes,
            received: self.received + other.received,
            published: self.published + other.published,
            unheard: self.unheard + other.unheard,
            rejected: self.rejected + other.rejected,
            blocked: self.blocked + other.blocked,
            connected: self.connected + other.connected,
        }
    }
}
