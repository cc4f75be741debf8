//! Ways to be wrong on purpose: a simulation that does not find them would find nothing.
//!
//! Without the feature `wrong-variants` this has no fields and does nothing.

use raftwire_consensus::RaftOptions;
use raftwire_link::LinkConfig;

/// Which parts of a node are wrong.
#[cfg_attr(not(feature = "wrong-variants"), allow(unreachable_pub))] // it is public with the feature
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrongVariants {
    /// Votes are not persisted, so that a restarted node may vote twice.
    #[cfg(feature = "wrong-variants")]
    pub forget_vote: bool,
    /// Links deliver what was repeated as often as it arrives.
    #[cfg(feature = "wrong-variants")]
    pub skip_dedupe: bool,
    /// The lease always seems to hold.
    #[cfg(feature = "wrong-variants")]
    pub ignore_fence: bool,
    /// Not wrong, but soon: a snapshot after every so many log entries, so that a short simulation
    /// sees some.
    #[cfg(feature = "wrong-variants")]
    pub snapshot_every: Option<u64>,
}

#[cfg(feature = "wrong-variants")]
impl WrongVariants {
    pub(crate) fn apply_to_raft(self, options: RaftOptions) -> RaftOptions {
        let WrongVariants {
            forget_vote,
            ignore_fence,
            snapshot_every,
            ..
        } = self;
        RaftOptions {
            forget_vote,
            ignore_fence,
            snapshot_every,
            ..options
        }
    }

    pub(crate) fn apply_to_link(self, config: LinkConfig) -> LinkConfig {
        LinkConfig {
            skip_dedupe: self.skip_dedupe,
            ..config
        }
    }
}

#[cfg(not(feature = "wrong-variants"))]
#[allow(clippy::unused_self)] // the same calls, whether there is something to do or not
impl WrongVariants {
    pub(crate) fn apply_to_raft(self, options: RaftOptions) -> RaftOptions {
        options
    }

    pub(crate) fn apply_to_link(self, config: LinkConfig) -> LinkConfig {
        config
    }
}
