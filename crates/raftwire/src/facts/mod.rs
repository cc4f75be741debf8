//! Facts that a node owns: which users and groups its connections belong to.
//!
//! A node is the only writer of its rows. It numbers their changes 1, 2, 3… within its incarnation and
//! sends them to every living node, in order; so a copy is always the rows as they were after one of the
//! changes. Once a second a writer says how far it is. A copy that is behind asks for the changes
//! since, or for the whole set in parts where the writer no longer knows them. Copies are dropped
//! when the death of their incarnation is committed, at one index everywhere.
//!
//! `writer` and `replica` are pure; `peer/facts_lane.rs` moves what they say.

mod memberships;
mod remote;
mod replica;
mod row;
mod rows;
mod step;
mod store;
mod view;
mod wire;
mod writer;

#[cfg(test)]
mod properties;

pub use memberships::{GROUPS_PER_CONNECTION_MAX, MembershipError, ROWS_PER_NODE_MAX};
pub(crate) use memberships::{Memberships, Progress, Since};
pub(crate) use remote::{Followed, RemoteFacts};
pub(crate) use row::{Cursor, Row};
pub(crate) use step::{Digest, Position, Step};
pub(crate) use store::Facts;
pub use view::OwnedFactsView;
pub(crate) use writer::STEP_BYTES_MAX;
