use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use raftwire_environment::BootTime;
use raftwire_protocol::Incarnation;

/// Whether this node holds its lease: one atomic read, for the path of every batch.
///
/// While it holds, no other node acts on this node's death. A clone sees the same lease.
#[derive(Clone, Debug)]
pub struct LeaseView {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Boot time in nanoseconds at which the lease ends; 0 is before any time.
    ends: AtomicU64,
    always: bool,
}

impl LeaseView {
    /// Whether the lease holds at `now`, a time that was read *after* whatever it is to guard
    /// became known.
    pub fn holds(&self, now: BootTime) -> bool {
        self.shared.always || nanos(now) < self.shared.ends.load(Ordering::Acquire)
    }

    /// How much of the lease is left at `now`.
    pub fn remaining(&self, now: BootTime) -> Duration {
        let ends = self.shared.ends.load(Ordering::Acquire);
        Duration::from_nanos(ends.saturating_sub(nanos(now)))
    }
}

/// The writing side: there is one a node.
#[derive(Debug)]
pub(crate) struct LeaseHolder {
    view: LeaseView,
    /// The incarnation that the lease is on. The lock is held across every change of `ends`, so
    /// that a late grant to an earlier incarnation never revives it.
    incarnation: Mutex<Option<Incarnation>>,
}

impl LeaseHolder {
    /// No lease. `always` is for the variant that does wrong on purpose.
    pub(crate) fn new(always: bool) -> LeaseHolder {
        let shared = Shared {
            ends: AtomicU64::new(0),
            always,
        };
        LeaseHolder {
            view: LeaseView {
                shared: Arc::new(shared),
            },
            incarnation: Mutex::new(None),
        }
    }

    pub(crate) fn view(&self) -> LeaseView {
        self.view.clone()
    }

    /// From now on the lease is one on `incarnation`; one on another has ended.
    pub(crate) fn belongs_to(&self, incarnation: Option<Incarnation>) {
        let mut current = self.lock();
        if *current != incarnation {
            *current = incarnation;
            self.view.shared.ends.store(0, Ordering::Release);
        }
    }

    /// The lease on `incarnation` holds until `ends`, if it did not hold longer already.
    pub(crate) fn extend(&self, incarnation: Incarnation, ends: BootTime) {
        let current = self.lock();
        if *current == Some(incarnation) {
            self.view
                .shared
                .ends
                .fetch_max(nanos(ends), Ordering::AcqRel);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Incarnation>> {
        self.incarnation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until the year 2554 of the machine's uptime.
fn nanos(time: BootTime) -> u64 {
    u64::try_from(time.since_boot().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> BootTime {
        BootTime::new(Duration::from_secs(seconds))
    }

    #[test]
    fn a_new_holder_holds_nothing() {
        assert!(!LeaseHolder::new(false).view().holds(at(0)));
    }

    #[test]
    fn a_lease_holds_until_its_end() {
        let holder = LeaseHolder::new(false);
        holder.belongs_to(Some(Incarnation::new(1)));

        holder.extend(Incarnation::new(1), at(4));

        assert!(holder.view().holds(at(3)));
        assert!(!holder.view().holds(at(4)));
        assert_eq!(holder.view().remaining(at(1)), Duration::from_secs(3));
    }

    #[test]
    fn an_older_grant_never_shortens_a_lease() {
        let holder = LeaseHolder::new(false);
        holder.belongs_to(Some(Incarnation::new(1)));
        holder.extend(Incarnation::new(1), at(9));

        holder.extend(Incarnation::new(1), at(4));

        assert!(holder.view().holds(at(8)));
    }

    #[test]
    fn a_late_grant_to_an_earlier_incarnation_does_nothing() {
        let holder = LeaseHolder::new(false);
        holder.belongs_to(Some(Incarnation::new(1)));
        holder.extend(Incarnation::new(1), at(4));

        holder.belongs_to(Some(Incarnation::new(2)));
        holder.extend(Incarnation::new(1), at(9));

        assert!(!holder.view().holds(at(1)));
    }

    #[test]
    fn naming_the_same_incarnation_again_keeps_its_lease() {
        let holder = LeaseHolder::new(false);
        holder.belongs_to(Some(Incarnation::new(1)));
        holder.extend(Incarnation::new(1), at(4));

        holder.belongs_to(Some(Incarnation::new(1)));

        assert!(holder.view().holds(at(3)));
    }
}
