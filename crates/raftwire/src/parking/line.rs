//! Lines in front of connections: who came first goes first, and who comes back has kept its place.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Independent parts of the lines: messages for different connections do not wait for one lock.
const SHARDS: usize = 16;

/// What a connection is known by to those who wait for it.
pub(crate) trait Key: Clone + Ord + Hash {}

impl<K: Clone + Ord + Hash> Key for K {}

/// One line. It is there only as long as somebody stands in it or is under way.
#[derive(Debug, Default)]
struct Line {
    /// The number of who comes next.
    next: u64,
    /// Those who wait, by their numbers, and how to wake them.
    waiting: BTreeMap<u64, Option<Waker>>,
    /// How many are under way; all of them go by `epoch`.
    under_way: usize,
    epoch: u64,
}

impl Line {
    fn is_open(&self, epoch: u64) -> bool {
        self.under_way == 0 || self.epoch == epoch
    }

    fn depart(&mut self, epoch: u64) {
        self.under_way += 1;
        self.epoch = epoch;
    }

    /// The first in line may have something to do.
    fn wake_first(&mut self) -> Option<Waker> {
        self.waiting.first_entry()?.get_mut().take()
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.under_way == 0
    }
}

type Shard<K> = Mutex<BTreeMap<K, Line>>;

/// All lines of a node, by what they lead to.
#[derive(Debug)]
pub(crate) struct Lines<K> {
    shards: Arc<[Shard<K>; SHARDS]>,
}

impl<K> Clone for Lines<K> {
    fn clone(&self) -> Lines<K> {
        Lines {
            shards: Arc::clone(&self.shards),
        }
    }
}

/// Where somebody stands in a line: waiting, or under way with the place kept.
#[derive(Debug)]
pub(crate) struct Place<K: Key> {
    lines: Lines<K>,
    key: K,
    number: u64,
    is_under_way: bool,
}

impl<K: Key> Lines<K> {
    pub(crate) fn new() -> Lines<K> {
        Lines {
            shards: Arc::new(std::array::from_fn(|_| Mutex::default())),
        }
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, BTreeMap<K, Line>> {
        // With fixed keys: a simulation finds the same shard each time.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let number = hasher.finish() as usize % SHARDS;
        self.shards[number]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody waits in this line: who comes later must wait behind.
    pub(crate) fn is_waited_in(&self, key: &K) -> bool {
        let shard = self.shard(key);
        shard.get(key).is_some_and(|line| !line.waiting.is_empty())
    }

    /// The last place of a line. Whoever holds it is under way at once if it knows by which epoch to
    /// go, nobody waits, and whoever is under way goes by the same.
    pub(crate) fn enter(&self, key: &K, epoch: Option<u64>) -> Place<K> {
        let mut shard = self.shard(key);
        let line = shard.entry(key.clone()).or_default();
        let number = line.next;
        line.next += 1;
        let departs = epoch.filter(|epoch| line.waiting.is_empty() && line.is_open(*epoch));
        match departs {
            Some(epoch) => line.depart(epoch),
            None => {
                line.waiting.insert(number, None);
            }
        }
        drop(shard);
        Place {
            lines: self.clone(),
            key: key.clone(),
            number,
            is_under_way: departs.is_some(),
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let lock = |shard: &Shard<K>| shard.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.shards.iter().map(lock).sum()
    }
}

impl<K: Key> Place<K> {
    pub(crate) fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    /// Waits until nobody waits before this place.
    ///
    /// # Cancel safety
    /// Cancel safe: the place is kept.
    pub(crate) async fn turn(&self) {
        poll_fn(|context| {
            let is_first = |line: &mut Line| {
                line.waiting
                    .first_key_value()?
                    .0
                    .eq(&self.number)
                    .then_some(())
            };
            self.poll(context, is_first)
        })
        .await;
    }

    /// Goes by this epoch, if this is the first place and nobody is under way by another. `false`:
    /// not yet, but something has changed since the call.
    pub(crate) async fn depart(&mut self, epoch: u64) -> bool {
        let mut is_first_look = true;
        let departed = poll_fn(|context| {
            let went = self.poll(context, |line| {
                let is_first = *line.waiting.first_key_value()?.0 == self.number;
                if !is_first || !line.is_open(epoch) {
                    return None;
                }
                line.waiting.remove(&self.number);
                line.depart(epoch);
                Some(())
            });
            match went {
                Poll::Ready(()) => Poll::Ready(true),
                Poll::Pending if std::mem::take(&mut is_first_look) => Poll::Pending,
                Poll::Pending => Poll::Ready(false),
            }
        })
        .await;
        if departed {
            self.is_under_way = true;
            self.wake_first();
        }
        departed
    }

    /// Stands in line again, at the place that it had.
    pub(crate) fn come_back(&mut self) {
        let mut shard = self.lines.shard(&self.key);
        if let Some(line) = shard.get_mut(&self.key) {
            line.under_way -= 1;
            line.waiting.insert(self.number, None);
        }
        drop(shard);
        self.is_under_way = false;
        self.wake_first();
    }

    fn poll<T>(&self, context: &Context<'_>, look: impl FnOnce(&mut Line) -> Option<T>) -> Poll<T> {
        let mut shard = self.lines.shard(&self.key);
        // There is a line as long as there is a place in it.
        let Some(line) = shard.get_mut(&self.key) else {
            return Poll::Pending;
        };
        if let Some(found) = look(line) {
            return Poll::Ready(found);
        }
        line.waiting
            .insert(self.number, Some(context.waker().clone()));
        Poll::Pending
    }

    fn wake_first(&self) {
        let mut shard = self.lines.shard(&self.key);
        let waker = shard.get_mut(&self.key).and_then(Line::wake_first);
        drop(shard);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<K: Key> Drop for Place<K> {
    fn drop(&mut self) {
        let mut shard = self.lines.shard(&self.key);
        let Entry::Occupied(mut entry) = shard.entry(self.key.clone()) else {
            return;
        };
        let line = entry.get_mut();
        if self.is_under_way {
            line.under_way -= 1;
        } else {
            line.waiting.remove(&self.number);
        }
        let waker = line.wake_first();
        if line.is_empty() {
            entry.remove();
        }
        drop(shard);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;

    fn is_ready<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        match future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn who_knows_the_way_goes_at_once_and_with_others_of_the_same_epoch() {
        let lines = Lines::new();

        let first = lines.enter(&"alice", Some(5));
        let second = lines.enter(&"alice", Some(5));
        let other = lines.enter(&"bob", Some(9));

        assert!(first.is_under_way() && second.is_under_way() && other.is_under_way());
    }

    #[test]
    fn a_newer_epoch_waits_until_the_older_ones_have_arrived() {
        let lines = Lines::new();
        let older = lines.enter(&"alice", Some(5));

        let mut newer = lines.enter(&"alice", Some(9));
        assert!(!newer.is_under_way());
        assert_eq!(is_ready(newer.depart(9)), None);
        drop(older);

        assert_eq!(is_ready(newer.depart(9)), Some(true));
    }

    #[test]
    fn who_comes_back_stands_before_those_who_came_later() {
        let lines = Lines::new();
        let mut first = lines.enter(&"alice", Some(5));
        let mut second = lines.enter(&"alice", Some(5));
        let third = lines.enter(&"alice", Some(9));

        second.come_back();
        first.come_back();

        assert_eq!(is_ready(third.turn()), None);
        assert_eq!(is_ready(second.turn()), None);
        assert_eq!(is_ready(first.turn()), Some(()));
        assert_eq!(is_ready(first.depart(9)), Some(true));
        assert_eq!(is_ready(third.turn()), None);
        assert_eq!(is_ready(second.depart(9)), Some(true));
        assert_eq!(is_ready(third.turn()), Some(()));
    }

    #[test]
    fn nobody_passes_who_waits() {
        let lines = Lines::new();
        let waits = lines.enter(&"alice", None);

        let later = lines.enter(&"alice", Some(5));

        assert!(!later.is_under_way());
        assert!(lines.is_waited_in(&"alice"));
        drop(waits);
        assert_eq!(is_ready(later.turn()), Some(()));
    }

    #[test]
    fn a_line_that_nobody_stands_in_is_not_there() {
        let lines = Lines::new();
        for number in 0..1_000 {
            let mut place = lines.enter(&number, Some(1));
            place.come_back();
        }

        assert_eq!(lines.len(), 0);
    }
}
