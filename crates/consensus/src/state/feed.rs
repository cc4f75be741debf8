//! The feed: members and settings as those nodes get them that have no log. Pure.
//!
//! Each row says itself when it changed last, so what is new since an index can be told without a
//! memory of who was told what; any node with the log answers any question, and the next question
//! may go to another one. What does not fit one answer comes as pages, by name. The pages may be of
//! different indices: then what changed since the first page is asked for as well, until one page
//! answers it all, and only then there is a state of one index.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use raftwire_protocol::NodeId;

use super::codec::{decode_state, encode_page};
use super::{ClusterState, Member, Names};
use crate::wire::WireError;

/// One answer of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeedPage {
    /// Settings and rows.
    pub(crate) bytes: Bytes,
    /// It is the first of the whole set, whatever was asked for.
    pub(crate) full: bool,
    /// The last name of a page that others follow.
    pub(crate) more_after: Option<NodeId>,
}

impl FeedPage {
    /// What `state` has that is newer than `known`, from after a name on, as far as it fits.
    pub(crate) fn of(
        state: &ClusterState,
        known: u64,
        after: Option<&NodeId>,
        bytes_max: usize,
    ) -> FeedPage {
        // Of rows that went so long ago nothing is remembered, and the asker may still have them.
        let is_lost = known > 0 && known < state.removals.forgotten_at;
        let full = is_lost || known == 0 && after.is_none();
        let (known, after) = if full { (0, None) } else { (known, after) };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = state
            .members
            .range::<NodeId, _>((start, Bound::Unbounded))
            .filter(|(_, member)| member.changed_at() > known);
        let (bytes, more_after) = encode_page(state, rows, bytes_max);
        FeedPage {
            bytes: bytes.into(),
            full,
            more_after,
        }
    }
}

/// Makes states of pages.
#[derive(Debug, Default)]
pub(crate) struct FeedCollector {
    /// The newest of everything that came.
    state: ClusterState,
    /// Nothing up to this index is missing in it.
    known: u64,
    /// Where the pages that come now began, and where they go on.
    pages: Option<Pages>,
}

#[derive(Debug)]
struct Pages {
    began_at: u64,
    after: NodeId,
}

/// What a page was good for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Collected {
    /// There is a state of one index now.
    State(Arc<ClusterState>),
    /// More has to be asked for, at once.
    More,
    /// The page is older than what is known: the node that gave it is behind.
    Behind,
    /// The page is of another cluster.
    OtherCluster,
}

impl FeedCollector {
    /// Goes on from a state that is known.
    pub(crate) fn new(state: &ClusterState) -> FeedCollector {
        FeedCollector {
            known: state.applied_index,
            state: ClusterState {
                fed: true,
                names: Names::default(),
                ..state.clone()
            },
            pages: None,
        }
    }

    /// What to ask for: what is newer than an index, and after which name.
    pub(crate) fn question(&self) -> (u64, Option<&NodeId>) {
        (self.known, self.pages.as_ref().map(|pages| &pages.after))
    }

    /// Takes an answer to the last question.
    ///
    /// # Errors
    ///
    /// When the page is damaged; nothing has changed then.
    pub(crate) fn take(&mut self, page: FeedPage) -> Result<Collected, WireError> {
        let news = decode_state(page.bytes.clone())?;
        if self.state.cluster_id.is_some() && news.cluster_id != self.state.cluster_id {
            return Ok(Collected::OtherCluster);
        }
        // Between pages of falling indices a row could be told of again that is gone.
        if news.applied_index < self.state.applied_index {
            return Ok(Collected::Behind);
        }
        let began_at = match (&self.pages, page.full) {
            (Some(pages), false) => pages.began_at,
            (_, true) | (None, false) => news.applied_index,
        };
        if page.full {
            self.state.members.clear();
            self.known = 0;
        }
        let is_last = page.more_after.is_none();
        self.pages = page.more_after.map(|after| Pages { began_at, after });
        self.merge(news);
        if !is_last {
            return Ok(Collected::More);
        }
        self.known = began_at;
        if began_at < self.state.applied_index {
            return Ok(Collected::More);
        }
        Ok(Collected::State(Arc::new(self.state.clone())))
    }

    fn merge(&mut self, mut news: ClusterState) {
        let mut members = std::mem::take(&mut self.state.members);
        for (removed_at, node) in &news.removals.recent {
            // A row that is newer than the removal is of a node that came back.
            let is_old = |row: &Member| row.changed_at() <= *removed_at;
            if members.get(node).is_some_and(is_old) {
                members.remove(node);
            }
        }
        members.append(&mut news.members);
        self.state = ClusterState {
            members,
            // A page has no names, and none are missed: they are asked for one by one.
            names: Names::default(),
            fed: true,
            ..news
        };
        self.state.changed_at = self.state.last_change();
    }
}

#[cfg(test)]
#[path = "feed_test.rs"]
mod tests;
