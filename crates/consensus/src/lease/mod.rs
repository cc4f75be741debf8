//! Leases: liveness is one committed decision, not one opinion per node.
//!
//! A member holds a *lease* on its incarnation. While it holds it, it may act as a member; without
//! it, it is *fenced*. The leader commits a member's death only when the member's lease has
//! surely ended. This page says why that is so.
//!
//! # The rules
//!
//! *L* is the length of a lease, agreed on at the founding. All times are read on the reader's own
//! boot-time clock, which also counts while the machine is suspended; no time is ever sent.
//!
//! **Node.** It notes the time *s* at which it **sends** a renewal. If the answer says *granted*, it
//! holds its lease until *s* + 0.8 *L*. It holds it for the incarnation that the renewal named, and
//! for no other.
//!
//! **Leader**, in term *t*, on a renewal that arrives at its time *a*. It grants only if all of
//! this is true:
//!
//! 1. the renewal quotes a nonce that this leader issued to this node in term *t*, less than *L*/2
//!    before *a*;
//! 2. a quorum round that **began after** *a* succeeded: a quorum of the voters answered a message
//!    sent after *a* in term *t* (the engine's ReadIndex), and this leader has applied every entry
//!    up to the read index of that round, the first entry of its own term included;
//! 3. the incarnation is alive in the state applied by then, and this leader has not proposed its
//!    death in term *t*.
//!
//! It then notes *g*, the time of the grant. Each answer, granted or not, carries a fresh nonce.
//!
//! **Death.** The leader of term *t* proposes `DeclareDead(incarnation, t)` only if *L* has passed
//! on its clock since *g* of its last grant to that incarnation in this term and since *b*, where
//! *b* is the latest of: when it found itself leader of *t*, when it applied the incarnation's
//! join, and when it regained a quorum that it had been without. The entry has no effect unless it
//! is committed in the very term *t*.
//!
//! # The claim
//!
//! *When the death of an incarnation is committed, the node does not hold a lease on it*, provided
//! that the clocks of any two nodes run at rates that differ by less than a quarter (so that
//! 0.8 *L* on the one is less than *L* on the other).
//!
//! # Why
//!
//! Suppose `DeclareDead(i, t)` is committed, proposed at time *d* by the leader of term *t*, whom we
//! call D. Let the node's longest lease on *i* come from a renewal sent at *s* and granted by
//! leader G in term *u*. The lease ends at *s* + 0.8 *L*. We show that *d* is at least *L* after *s*.
//!
//! - *u* = *t*. There is one leader a term, so G is D. If the grant came before the proposal, then
//!   *d* ≥ *g* + *L* ≥ *s* + *L*, since an answer comes after its question. It cannot have come after
//!   the proposal: rule 3.
//! - *u* < *t*. By rule 2, each voter of some quorum answered G, in term *u*, after *a* ≥ *s*. D was
//!   elected in term *t* by a quorum. The two quorums share a voter. (If the membership changed in
//!   between, quorums of consecutive configurations intersect, which is Raft's own argument for
//!   joint consensus.) That voter answered G before it voted for D, since after voting in term *t* it
//!   answers no leader of a lower term. So D became leader after *s*, *b* is later than *s*, and
//!   *d* ≥ *b* + *L* > *s* + *L*.
//! - *u* > *t*. By rule 2, G had applied the first entry of its own term *u*, and so every entry
//!   before it. The death was proposed in term *t* < *u*: it stands before that entry in the log
//!   or, if G's log did not have it, it is never committed. If it stands there, G had applied it,
//!   and rule 3 forbade the grant.
//!
//! The three points need that the leader's own clock, not a stored one, measures *L*: a leader that
//! restarts comes back as a follower, and counts anew when it is elected again. They need that a
//! voter keeps its promise across a crash: term and vote are on disk before they are answered for.
//! ∎
//!
//! What the leader says of itself follows the same rules: its own renewals go through the same
//! grant, quorum round included. So a leader that is cut off from its quorum loses its lease like
//! any other node, and keeps nobody else alive either.
//!
//! # What the nonce is for
//!
//! It is not needed for the claim. It bounds how long a node stays alive that can send and not
//! receive: its renewals arrive, the grants do not reach it, and without the nonce the leader would
//! go on granting for ever. With it, the last grant is at most *L*/2 after the last answer that
//! the node received, and its death follows within *L* after that.
//!
//! # What a lease does not do
//!
//! A process that is stopped (a debugger, a signal, a virtual machine that is moved) between its
//! check of the lease and the act that it guards can act late, once. The check is done for each
//! batch, and what must not happen even so carries its incarnation, which receivers compare with
//! the log.

mod holder;
mod rounds;
mod table;

pub(crate) use self::holder::LeaseHolder;
pub use self::holder::LeaseView;
pub(crate) use self::rounds::QuorumRounds;
pub(crate) use self::table::{Expired, LeaseTable};
