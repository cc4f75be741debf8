/// What a [`MemoryNetwork`](super::MemoryNetwork) has done to packets: a test that means to run
/// through losses looks here whether there were any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStatistics {
    /// Packets that `send` or `broadcast` accepted.
    pub accepted: u64,
    /// Packets that were refused because the queue was full.
    pub full: u64,
    /// Packets that were lost by the profile.
    pub lost: u64,
    /// Packets that ran into a cut, or towards an end that was gone.
    pub cut: u64,
    /// Packets that were repeated.
    pub duplicated: u64,
    /// Packets that were held back so that others pass them.
    pub reordered: u64,
}
