//! The slab of this node's connections: an id holds its own index, so finding one is no search.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use raftwire_environment::Environment;
use raftwire_protocol::{Boot, ConnectionId, MintedId, Name, Slot};
use tokio::sync::Notify;

use super::ConnectionInfo;
use super::naming::{Naming, Released};
use super::outbox::OutboxSender;
use crate::ConnectionMetrics;
use crate::facts::Memberships;

/// Low bits of an index that name the shard. Sixteen shards keep registration and delivery on
/// different cores from waiting for one lock.
const SHARD_BITS: u32 = 4;
const SHARDS: usize = 1 << SHARD_BITS;
/// An id has room for 24 bits of index.
const SHARD_ENTRIES_MAX: usize = 1 << (24 - SHARD_BITS);

/// A shard that is full grows by a part of this many, and by at least [`PLACES_MIN`]: seldom enough
/// that moving costs nothing that is noticed, and little is empty.
const PLACES_GROWTH: usize = 8;
const PLACES_MIN: usize = 16;

/// What a registered connection needs to be found and fed.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) info: Arc<ConnectionInfo>,
    /// `None`: the application's own provider delivers.
    pub(crate) outbox: Option<OutboxSender>,
}

#[derive(Debug)]
pub(super) struct Place {
    generation: u16,
    pub(super) occupant: Option<(MintedId, Entry)>,
    pub(super) naming: Option<Box<Naming>>,
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) places: Vec<Place>,
    free: Vec<u32>,
    /// Connections that there have been, and those that have ended.
    accepted: u64,
    closed: u64,
}

/// This process already holds as many connections as ids can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableFull;

/// All connections of this node.
#[derive(Debug)]
pub(crate) struct ConnectionTable {
    environment: Environment,
    pub(super) shards: [Mutex<Shard>; SHARDS],
    next_shard: AtomicUsize,
    count: AtomicUsize,
    /// What the connections belong to, which ends with them.
    memberships: Arc<Memberships>,
    /// Issued by the log: once per process, unless it is removed while it runs.
    minting: ArcSwapOption<(Slot, Boot)>,
    /// Registrations of names before this index of the log are of an earlier incarnation.
    pub(super) names_floor: AtomicU64,
    /// Names of connections that have ended, until somebody takes them.
    pub(super) released: Mutex<Vec<Released>>,
    pub(super) name_released: Notify,
    pub(super) names_outdated: Notify,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ConnectionTable {
    pub(crate) fn new(environment: Environment) -> ConnectionTable {
        ConnectionTable {
            environment,
            shards: std::array::from_fn(|_| Mutex::new(Shard::default())),
            next_shard: AtomicUsize::new(0),
            count: AtomicUsize::new(0),
            memberships: Arc::default(),
            minting: ArcSwapOption::empty(),
            names_floor: AtomicU64::new(0),
            released: Mutex::default(),
            name_released: Notify::new(),
            names_outdated: Notify::new(),
        }
    }

    /// From now on the ids that are minted are these. Whether there may be connections with others.
    pub(crate) fn mint_as(&self, slot: Slot, boot: Boot) -> bool {
        let before = self.minting();
        if before == Some((slot, boot)) {
            return false;
        }
        self.minting.store(Some(Arc::new((slot, boot))));
        before.is_some()
    }

    pub(crate) fn minting(&self) -> Option<(Slot, Boot)> {
        self.minting.load().as_deref().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Registers a connection under a new id. The caller has checked that minting is allowed.
    ///
    /// Whoever changes what is minted and looks at all connections then finds each of before, as each
    /// shard is locked in between.
    pub(crate) fn insert(
        &self,
        (slot, boot): (Slot, Boot),
        entry: Entry,
    ) -> Result<MintedId, TableFull> {
        let first = self.next_shard.fetch_add(1, Ordering::Relaxed);
        for offset in 0..SHARDS {
            let number = (first + offset) % SHARDS;
            let mut shard = lock(&self.shards[number]);
            let (slot, boot) = self.minting().unwrap_or((slot, boot));
            let Some(position) = shard.vacant() else {
                continue;
            };
            let place = &mut shard.places[position as usize];
            let index = (position << SHARD_BITS) | number as u32;
            let random = self.environment.random_u64() & ((1 << 48) - 1);
            let id = MintedId::new(slot, boot, index, place.generation, random);
            place.occupant = Some((id, entry));
            shard.accepted += 1;
            self.count.fetch_add(1, Ordering::Relaxed);
            return Ok(id);
        }
        Err(TableFull)
    }

    pub(super) fn shard(&self, id: &MintedId) -> &Mutex<Shard> {
        &self.shards[id.index() as usize % SHARDS]
    }

    pub(crate) fn get(&self, id: &MintedId) -> Option<Entry> {
        let mut shard = lock(self.shard(id));
        let (_, entry) = shard.occupied(id)?.occupant.as_ref()?;
        Some(entry.clone())
    }

    pub(crate) fn contains(&self, id: &MintedId) -> bool {
        let shard = lock(&self.shards[id.index() as usize % SHARDS]);
        let place = shard.places.get((id.index() >> SHARD_BITS) as usize);
        let occupant = place.and_then(|place| place.occupant.as_ref());
        occupant.is_some_and(|(occupant, _)| occupant == id)
    }

    pub(crate) fn remove(&self, id: &MintedId) -> Option<Entry> {
        let mut shard = lock(self.shard(id));
        let place = shard.occupied(id)?;
        let (_, entry) = place.occupant.take()?;
        let naming = place.naming.take();
        place.generation = place.generation.wrapping_add(1);
        shard.free.push(id.index() >> SHARD_BITS);
        shard.closed += 1;
        self.count.fetch_sub(1, Ordering::Relaxed);
        drop(shard);
        self.memberships.forget(id);
        self.release_name(*id, naming);
        Some(entry)
    }

    pub(crate) fn metrics(&self) -> ConnectionMetrics {
        let mut metrics = ConnectionMetrics::default();
        for shard in &self.shards {
            let shard = lock(shard);
            metrics.accepted += shard.accepted;
            metrics.closed += shard.closed;
        }
        metrics.open = metrics.accepted - metrics.closed;
        metrics
    }

    /// The users and groups of the connections.
    pub(crate) fn memberships(&self) -> &Arc<Memberships> {
        &self.memberships
    }

    /// At most `max` connections behind `after`, in the order of shards and places.
    pub(crate) fn page(&self, after: Option<&MintedId>, max: usize) -> Vec<MintedId> {
        let (mut number, mut position) = after.map_or((0, 0), |id| {
            let position = (id.index() >> SHARD_BITS) as usize;
            (id.index() as usize % SHARDS, position + 1)
        });
        let mut ids = Vec::new();
        while number < SHARDS && ids.len() < max {
            let shard = lock(&self.shards[number]);
            let places = shard.places.iter().skip(position);
            let occupied = places.filter_map(|place| Some(place.occupant.as_ref()?.0));
            ids.extend(occupied.take(max - ids.len()));
            (number, position) = (number + 1, 0);
        }
        ids
    }

    /// The ids of all connections: a snapshot, in no order that means anything.
    pub(crate) fn ids(&self) -> Vec<MintedId> {
        let mut ids = Vec::with_capacity(self.len());
        for shard in &self.shards {
            let shard = lock(shard);
            ids.extend(
                shard
                    .places
                    .iter()
                    .filter_map(|place| Some(place.occupant.as_ref()?.0)),
            );
        }
        ids
    }
}

impl Shard {
    /// The place of a connection that is there.
    pub(super) fn occupied(&mut self, id: &MintedId) -> Option<&mut Place> {
        let place = self.places.get_mut((id.index() >> SHARD_BITS) as usize)?;
        let is_theirs = matches!(&place.occupant, Some((occupant, _)) if occupant == id);
        is_theirs.then_some(place)
    }

    /// What a connection that is there has to do with this very name.
    pub(super) fn naming(&mut self, id: &MintedId, name: &Name) -> Option<&mut Naming> {
        let naming = self.occupied(id)?.naming.as_deref_mut()?;
        naming.is_of(name).then_some(naming)
    }

    fn vacant(&mut self) -> Option<u32> {
        if let Some(position) = self.free.pop() {
            return Some(position);
        }
        if self.places.len() == SHARD_ENTRIES_MAX {
            return None;
        }
        if self.places.len() == self.places.capacity() {
            // A Vec of its own accord would take room for twice as many.
            let further = (self.places.len() / PLACES_GROWTH).max(PLACES_MIN);
            self.places.reserve_exact(further);
        }
        self.places.push(Place {
            generation: 0,
            occupant: None,
            naming: None,
        });
        u32::try_from(self.places.len() - 1).ok()
    }
}

/// Unregisters a connection when it is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) table: Arc<ConnectionTable>,
    pub(crate) id: MintedId,
}

impl Registration {
    pub(crate) fn connection(&self) -> ConnectionId {
        ConnectionId::Minted(self.id)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.table.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(number: u32) -> Boot {
        Boot::new(number).expect("24 bits")
    }

    fn table() -> ConnectionTable {
        let table = ConnectionTable::new(Environment::real());
        table.mint_as(Slot::new(3), boot(7));
        table
    }

    fn entry(endpoint: &str) -> Entry {
        let info = ConnectionInfo {
            endpoint: endpoint.to_owned(),
            ..ConnectionInfo::default()
        };
        Entry {
            info: Arc::new(info),
            outbox: None,
        }
    }

    fn insert(table: &ConnectionTable) -> MintedId {
        table
            .insert(table.minting().expect("allowed"), entry("/ws"))
            .expect("room")
    }

    #[test]
    fn a_connection_is_found_by_its_id_until_it_is_removed() {
        let table = table();
        let id = insert(&table);

        assert_eq!(table.get(&id).expect("registered").info.endpoint, "/ws");
        assert_eq!(table.len(), 1);
        assert!(table.remove(&id).is_some());
        assert!(table.get(&id).is_none());
        assert!(table.remove(&id).is_none());
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn an_old_id_does_not_find_the_next_connection_in_its_place() {
        let table = table();
        let old = insert(&table);
        table.remove(&old);

        let ids: Vec<_> = (0..SHARDS).map(|_| insert(&table)).collect();

        assert!(
            ids.iter().any(|id| id.index() == old.index()),
            "the place is used again"
        );
        assert!(table.get(&old).is_none());
    }

    #[test]
    fn a_million_connects_and_disconnects_leave_nothing_behind() {
        let table = table();
        for _ in 0..1_000_000 {
            let id = insert(&table);
            table.remove(&id);
        }

        let places: usize = table
            .shards
            .iter()
            .map(|shard| lock(shard).places.len())
            .sum();
        assert_eq!((table.len(), places), (0, SHARDS));
        let metrics = table.metrics();
        assert_eq!(
            (metrics.open, metrics.accepted, metrics.closed),
            (0, 1_000_000, 1_000_000)
        );
    }

    #[test]
    fn pages_reach_every_connection_once() {
        let table = table();
        let ids: std::collections::BTreeSet<_> = (0..100).map(|_| insert(&table)).collect();
        let gone: Vec<_> = ids.iter().copied().step_by(3).collect();
        gone.iter().for_each(|id| drop(table.remove(id)));

        let mut seen = Vec::new();
        loop {
            let page = table.page(seen.last(), 7);
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= 7);
            seen.extend(page);
        }

        let left: std::collections::BTreeSet<_> = table.ids().into_iter().collect();
        assert_eq!(seen.len(), left.len());
        assert_eq!(
            seen.into_iter().collect::<std::collections::BTreeSet<_>>(),
            left
        );
    }

    #[test]
    fn ids_carry_the_slot_and_the_boot_of_their_node() {
        let table = table();
        let id = insert(&table);
        assert_eq!((id.slot(), id.boot()), (Slot::new(3), boot(7)));
        assert!(!table.mint_as(Slot::new(3), boot(7)), "the same");

        assert!(table.mint_as(Slot::new(4), boot(9)));
        let id = table.insert((Slot::new(3), boot(7)), entry("/ws"));
        let id = id.expect("room");
        assert_eq!((id.slot(), id.boot()), (Slot::new(4), boot(9)));
    }
}
