use raftwire_protocol::NodeId;

/// How consensus stands, as this node sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RaftStatus {
    /// The highest term that this node has seen.
    pub term: u64,
    /// What this node is.
    pub role: Role,
    /// The leader that this node knows; none while there is an election, or when it has been heard of by
    /// nobody for the time of a failover: it may have lost its majority, this node too.
    pub leader: Option<NodeId>,
    /// The index of the last entry of this node's log, 0 if it is empty.
    pub last_log_index: u64,
    /// The index of the last entry that this node has applied, 0 if there is none.
    pub applied_index: u64,
    /// How many nodes vote. Of one or two none may fail, of three or four one, of five two.
    pub voters: usize,
    /// What keeps this node from being a member, in words for the operator: founding lists that
    /// differ, a node id that is taken, a disk that failed.
    pub problem: Option<String>,
}

/// What a node is for consensus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// It follows without a vote, or belongs to no cluster yet.
    #[default]
    Learner,
    /// It has no seat: it gets what is agreed on from nodes that have one.
    Edge,
    /// It follows a leader, or waits for one.
    Follower,
    /// It asks for votes.
    Candidate,
    /// It was elected, and has heard of no later leader. See
    /// [`RaftNode::is_leader`](crate::RaftNode::is_leader) for more than that.
    Leader,
    /// The engine has stopped; [`RaftStatus::problem`] says why, if nobody asked for it.
    Stopped,
}
