//! What a client's session speaks.

/// What a client's session speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `raftwire.v1`.
    Raftwire,
    /// Each message comes back as it went, nothing else is said, and nothing is pinged: what
    /// conformance tests expect of a peer.
    Echo,
}
