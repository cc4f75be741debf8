//! Which link a peer's task is to keep, and what ended the one before.

use raftwire_link::LinkIdentity;
use raftwire_protocol::Incarnation;

use super::waiting::Death;

/// Which link there shall be: changes with the members' incarnations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkTarget {
    /// `None`: one of the two is not a living member.
    pub(crate) identity: Option<LinkIdentity>,
    /// What the members say of this node.
    pub(crate) local: Option<Standing>,
    /// What the members say of the peer.
    pub(crate) remote: Option<Standing>,
    /// This node stops: nothing comes after.
    pub(crate) is_over: bool,
}

/// One end of a link, as the members have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) incarnation: Incarnation,
    pub(crate) is_alive: bool,
    /// The death of this incarnation, or of the one before.
    pub(crate) last_death: Option<Death>,
}

impl LinkTarget {
    /// The death that ended a link of these incarnations.
    pub(super) fn death_of(&self, ended: &LinkIdentity) -> Option<Death> {
        let lives = |standing: &Option<Standing>, incarnation| {
            standing
                .as_ref()
                .is_some_and(|now| now.is_alive && now.incarnation == incarnation)
        };
        let who = if lives(&self.remote, ended.remote_incarnation) {
            &self.local
        } else {
            &self.remote
        };
        who.as_ref()?.last_death.clone()
    }
}
