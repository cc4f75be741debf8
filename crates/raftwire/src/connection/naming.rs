//! The name of a connection, in the table: which registration of it the connection answers to.

use std::sync::atomic::Ordering;

use raftwire_protocol::{MintedId, Name};

use super::outbox::OutboxSender;
use super::table::{ConnectionTable, lock};

/// What a connection has to do with names. A connection has at most one at a time.
#[derive(Debug)]
pub(super) struct Naming {
    name: Option<Name>,
    /// The last registration of this connection that this node knows of; 0: of none.
    epoch: u64,
    /// The last registration by which a message was refused. One that the connection gave up before
    /// the log had answered stands in the log for a while, and senders go by it. If the connection asks
    /// for the name again meanwhile, it must not answer to that one: a message that was refused by it
    /// and has to go again would be overtaken. Any registration that is begun later has a later epoch.
    refused: u64,
    /// A registration is under way: a frame that carries a later epoch tells of its success before
    /// the log's answer does, as nothing but this connection's registration has that epoch.
    is_pending: bool,
}

impl Naming {
    pub(super) fn is_of(&self, name: &Name) -> bool {
        self.name.as_ref() == Some(name)
    }

    /// `floor`: registrations before this index belong to an incarnation of this node that has
    /// ended.
    fn answers_to(&self, epoch: u64, floor: u64) -> bool {
        let is_current = if self.is_pending {
            epoch > self.epoch.max(self.refused)
        } else {
            epoch == self.epoch
        };
        self.name.is_some() && is_current && epoch >= floor
    }

    /// This registration does not count, and never will.
    fn refuse(&mut self, epoch: u64) {
        self.refused = self.refused.max(epoch);
    }
}

/// A name that a connection had when it ended.
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) name: Name,
    pub(crate) connection: MintedId,
    /// None while its registration is under way: whoever waits for that undoes it.
    pub(crate) epoch: Option<u64>,
}

/// Why a connection cannot be given a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotNameable {
    NoSuchConnection,
    Named(Name),
}

/// Whether a registration counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirmed {
    /// The connection has the name.
    Held,
    /// It was of an incarnation of this node that has ended: the name is to be taken back.
    Outdated,
    /// The connection has ended meanwhile, or has given the name up.
    Gone,
}

/// Where the last hop leads.
#[derive(Debug)]
pub(super) struct Target {
    /// None: the application's own provider delivers.
    pub(super) outbox: Option<OutboxSender>,
    /// The connection's name, if the application delivers.
    pub(super) name: Option<Name>,
}

/// Why there is no last hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTarget {
    NoSuchConnection,
    /// This registration of a name is not the connection's, or not any more.
    OtherEpoch,
}

impl ConnectionTable {
    /// Finds a connection by its id, or by its id and a registration of its name.
    pub(super) fn target(&self, id: &MintedId, epoch: Option<u64>) -> Result<Target, NoTarget> {
        let mut shard = lock(self.shard(id));
        let floor = self.names_floor.load(Ordering::Acquire);
        let Some(place) = shard.occupied(id) else {
            return Err(match epoch {
                None => NoTarget::NoSuchConnection,
                Some(_) => NoTarget::OtherEpoch,
            });
        };
        let naming = place.naming.as_deref_mut();
        if let Some(epoch) = epoch {
            let naming = naming.ok_or(NoTarget::OtherEpoch)?;
            if !naming.answers_to(epoch, floor) {
                // What is before the floor stays so; the connection may not know yet.
                if epoch >= floor {
                    naming.refuse(epoch);
                }
                return Err(NoTarget::OtherEpoch);
            }
        }
        let naming = place.naming.as_deref();
        let outbox = place.occupant.as_ref();
        let outbox = outbox.and_then(|(_, entry)| entry.outbox.clone());
        let name = match &outbox {
            None => naming.and_then(|naming| naming.name.clone()),
            Some(_) => None,
        };
        Ok(Target { outbox, name })
    }

    /// The connection wants a name: from now on it answers to what the log may make of that.
    pub(crate) fn begin_name(&self, id: &MintedId, name: &Name) -> Result<(), NotNameable> {
        let mut shard = lock(self.shard(id));
        let place = shard.occupied(id).ok_or(NotNameable::NoSuchConnection)?;
        let naming = place.naming.get_or_insert_with(|| {
            Box::new(Naming {
                name: None,
                epoch: 0,
                refused: 0,
                is_pending: false,
            })
        });
        if let Some(name) = &naming.name {
            return Err(NotNameable::Named(name.clone()));
        }
        naming.name = Some(name.clone());
        naming.is_pending = true;
        Ok(())
    }

    /// The log has registered the name.
    pub(crate) fn confirm_name(&self, id: &MintedId, name: &Name, epoch: u64) -> Confirmed {
        let mut shard = lock(self.shard(id));
        let floor = self.names_floor.load(Ordering::Acquire);
        let naming = shard.occupied(id);
        let Some(naming) = naming.and_then(|place| place.naming.as_deref_mut()) else {
            return Confirmed::Gone;
        };
        if !naming.is_of(name) {
            // Not while it waits for another name: that may be registered by the same entry.
            if naming.name.is_none() {
                naming.refuse(epoch);
            }
            return Confirmed::Gone;
        }
        if epoch < floor {
            naming.epoch = naming.epoch.max(epoch);
            return Confirmed::Outdated;
        }
        if epoch <= naming.refused {
            // It was given up before the log answered, and has been asked for again: that has a later
            // epoch.
            return Confirmed::Gone;
        }
        naming.epoch = naming.epoch.max(epoch);
        naming.is_pending = false;
        Confirmed::Held
    }

    /// The connection has the name no more, and is not to have it. The registration that it had,
    /// if none is under way.
    pub(crate) fn give_up_name(&self, id: &MintedId, name: &Name) -> Option<u64> {
        let mut shard = lock(self.shard(id));
        let naming = shard.naming(id, name)?;
        naming.name = None;
        let was_pending = std::mem::take(&mut naming.is_pending);
        (!was_pending).then_some(naming.epoch)
    }

    /// Whether the connection has this name, or waits for it.
    pub(crate) fn is_named(&self, id: &MintedId, name: &Name) -> bool {
        lock(self.shard(id)).naming(id, name).is_some()
    }

    /// The log has given this registration of the name to another connection. Whether it was this
    /// connection's: then it answers to nothing any more, and has nothing to give back at its end.
    pub(crate) fn lose_name(&self, id: &MintedId, name: &Name, epoch: u64) -> bool {
        let mut shard = lock(self.shard(id));
        let Some(naming) = shard.naming(id, name) else {
            return false;
        };
        let was_theirs = naming.answers_to(epoch, 0);
        if was_theirs {
            naming.epoch = epoch;
            naming.is_pending = true;
        }
        was_theirs
    }

    /// The name that a connection has, or waits for.
    pub(crate) fn name_of(&self, id: &MintedId) -> Option<Name> {
        let mut shard = lock(self.shard(id));
        shard.occupied(id)?.naming.as_ref()?.name.clone()
    }

    /// Registrations before this index are of an incarnation of this node that has ended: nothing
    /// is delivered by them from now on.
    pub(crate) fn outdate_names(&self, floor: u64) {
        if self.names_floor.fetch_max(floor, Ordering::Release) < floor {
            self.names_outdated.notify_one();
        }
    }

    /// Waits until names have been outdated since the last time.
    pub(crate) async fn names_outdated(&self) {
        self.names_outdated.notified().await;
    }

    /// The connections whose names are outdated; their registrations count as under way again.
    pub(crate) fn begin_outdated_names(&self) -> Vec<(MintedId, Name)> {
        let mut outdated = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            let floor = self.names_floor.load(Ordering::Acquire);
            for place in &mut shard.places {
                let (Some((id, _)), Some(naming)) = (&place.occupant, &mut place.naming) else {
                    continue;
                };
                let is_outdated = !naming.is_pending && naming.epoch < floor;
                if let Some(name) = naming.name.as_ref().filter(|_| is_outdated) {
                    naming.is_pending = true;
                    outdated.push((*id, name.clone()));
                }
            }
        }
        outdated
    }

    /// Waits until connections that had names have ended, and takes their names.
    pub(crate) async fn released(&self) -> Vec<Released> {
        loop {
            let woken = self.name_released.notified();
            let released = self.take_released();
            if !released.is_empty() {
                return released;
            }
            woken.await;
        }
    }

    /// The names of connections that have ended, as far as nobody has taken them yet.
    pub(crate) fn take_released(&self) -> Vec<Released> {
        std::mem::take(&mut lock(&self.released))
    }

    /// A connection has ended. What it had is told to whoever keeps the names; that list is bounded
    /// by the names that this node held, as no new ones come without a leader that hears of the old.
    pub(super) fn release_name(&self, connection: MintedId, naming: Option<Box<Naming>>) {
        let Some(naming) = naming else { return };
        let Some(name) = naming.name else { return };
        self.release(Released {
            name,
            connection,
            epoch: (!naming.is_pending).then_some(naming.epoch),
        });
    }

    /// Leaves a name for whoever keeps the names.
    pub(crate) fn release(&self, released: Released) {
        lock(&self.released).push(released);
        self.name_released.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use raftwire_environment::Environment;
    use raftwire_protocol::{Boot, Slot};

    use super::super::{ConnectionInfo, Entry};
    use super::*;

    fn table_with_a_connection() -> (ConnectionTable, MintedId) {
        let table = ConnectionTable::new(Environment::real());
        let entry = Entry {
            info: Arc::new(ConnectionInfo::default()),
            outbox: None,
        };
        let minting = (Slot::new(1), Boot::new(1).expect("24 bits"));
        let id = table.insert(minting, entry).expect("room");
        (table, id)
    }

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    fn answers(table: &ConnectionTable, id: &MintedId, epoch: u64) -> bool {
        table.target(id, Some(epoch)).is_ok()
    }

    #[test]
    fn a_connection_answers_to_the_one_registration_that_it_has() {
        let (table, id) = table_with_a_connection();
        assert!(!answers(&table, &id, 5));

        table.begin_name(&id, &name("alice")).expect("no name yet");
        assert_eq!(table.confirm_name(&id, &name("alice"), 5), Confirmed::Held);

        assert!(answers(&table, &id, 5));
        assert!(!answers(&table, &id, 4) && !answers(&table, &id, 6));
        assert!(table.target(&id, None).is_ok());
    }

    #[test]
    fn a_registration_that_is_under_way_may_be_known_to_senders_first() {
        let (table, id) = table_with_a_connection();
        table.begin_name(&id, &name("alice")).expect("no name yet");
        table.confirm_name(&id, &name("alice"), 5);
        table.give_up_name(&id, &name("alice"));

        table.begin_name(&id, &name("bob")).expect("no name now");

        assert!(!answers(&table, &id, 5), "that was alice");
        assert!(answers(&table, &id, 9));
    }

    #[test]
    fn a_registration_that_was_refused_once_is_refused_when_the_name_is_asked_for_again() {
        let (table, id) = table_with_a_connection();
        table.begin_name(&id, &name("alice")).expect("no name yet");
        table.give_up_name(&id, &name("alice"));
        // The log has registered it all the same, and a sender goes by that.
        assert!(!answers(&table, &id, 5));

        table.begin_name(&id, &name("alice")).expect("no name now");

        assert!(!answers(&table, &id, 5), "an earlier message was refused");
        assert_eq!(table.confirm_name(&id, &name("alice"), 5), Confirmed::Gone);
        assert!(!answers(&table, &id, 5) && answers(&table, &id, 6));
        assert_eq!(table.confirm_name(&id, &name("alice"), 6), Confirmed::Held);
        assert!(!answers(&table, &id, 5) && answers(&table, &id, 6));
    }

    #[test]
    fn a_registration_that_came_too_late_is_not_answered_to_later() {
        let (table, id) = table_with_a_connection();
        table.begin_name(&id, &name("alice")).expect("no name yet");
        table.give_up_name(&id, &name("alice"));
        assert_eq!(table.confirm_name(&id, &name("alice"), 5), Confirmed::Gone);

        table.begin_name(&id, &name("alice")).expect("no name now");

        assert!(!answers(&table, &id, 5) && answers(&table, &id, 6));
    }

    #[test]
    fn a_name_that_is_registered_by_the_entry_of_one_that_was_given_up_is_held() {
        let (table, id) = table_with_a_connection();
        table.begin_name(&id, &name("alice")).expect("no name yet");
        table.give_up_name(&id, &name("alice"));
        table.begin_name(&id, &name("bob")).expect("no name now");

        assert_eq!(table.confirm_name(&id, &name("alice"), 5), Confirmed::Gone);
        assert_eq!(table.confirm_name(&id, &name("bob"), 5), Confirmed::Held);

        assert!(answers(&table, &id, 5));
    }

    #[test]
    fn a_registration_of_an_ended_incarnation_is_made_again_though_messages_were_refused_by_it() {
        let (table, id) = table_with_a_connection();
        table.begin_name(&id, &name("alice")).expect("no name yet");
        table.outdate_names(7);
        assert!(!answers(&table, &id, 5));

        let confirmed = table.confirm_name(&id, &name("alice"), 5);

        assert_eq!(confirmed, Confirmed::Outdated);
        assert_eq!(table.confirm_name(&id, &name("alice"), 8), Confirmed::Held);
        assert!(answers(&table, &id, 8));
    }

    #[test]
    fn a_second_name_is_refused() {
        let (table, id) = table_with_a_connection();
        table.begin_name(&id, &name("alice")).expect("no name yet");

        let refused = table.begin_name(&id, &name("bob"));

        assert_eq!(refused, Err(NotNameable::Named(name("alice"))));
    }

    #[test]
    fn outdated_registrations_count_no_more_until_they_are_made_again() {
        let (table, id) = table_with_a_connection();
        table.begin_name(&id, &name("alice")).expect("no name yet");
        table.confirm_name(&id, &name("alice"), 5);

        table.outdate_names(7);
        assert!(!answers(&table, &id, 5));
        assert_eq!(table.begin_outdated_names(), [(id, name("alice"))]);
        assert!(!answers(&table, &id, 5) && answers(&table, &id, 8));
        assert!(table.begin_outdated_names().is_empty());

        assert_eq!(
            table.confirm_name(&id, &name("alice"), 6),
            Confirmed::Outdated
        );
        assert_eq!(table.confirm_name(&id, &name("alice"), 8), Confirmed::Held);
        assert!(answers(&table, &id, 8));
    }

    #[test]
    fn the_end_of_a_connection_releases_its_name() {
        let (table, id) = table_with_a_connection();
        table.begin_name(&id, &name("alice")).expect("no name yet");
        table.confirm_name(&id, &name("alice"), 5);

        table.remove(&id);

        let released = table.take_released();
        assert_eq!(released.len(), 1);
        assert_eq!(
            (&released[0].name, released[0].epoch),
            (&name("alice"), Some(5))
        );
        assert!(table.take_released().is_empty());
        assert_eq!(table.confirm_name(&id, &name("alice"), 9), Confirmed::Gone);
    }
}
