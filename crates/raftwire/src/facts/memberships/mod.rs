//! Which connections of this node belong to which users and groups.

mod error;
mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use raftwire_protocol::{Group, MintedId, UserId};
use tokio::sync::watch;

pub use self::error::{GROUPS_PER_CONNECTION_MAX, MembershipError, ROWS_PER_NODE_MAX};
pub(crate) use self::history::{Progress, Since};
use super::row::Row;
use super::writer::{LOG_CHANGES_MAX, Writer};

/// Keeps joins and deliveries on different cores from waiting for one lock.
const SHARDS: usize = 16;

/// What one connection belongs to.
#[derive(Debug, Default)]
struct Belongings {
    user: Option<UserId>,
    groups: BTreeSet<Group>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    groups_per_connection: usize,
    rows: usize,
}

/// The table, both ways, and the history of its rows.
///
/// Locks are taken in this order: a connection's shard, a row's shard, the writer.
#[derive(Debug)]
pub(crate) struct Memberships {
    limits: Limits,
    connections: [Mutex<BTreeMap<MintedId, Belongings>>; SHARDS],
    members: [Mutex<BTreeMap<Row, BTreeSet<MintedId>>>; SHARDS],
    writer: Mutex<Writer>,
    progress: watch::Sender<Progress>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Memberships {
    fn default() -> Memberships {
        Memberships::new(Limits {
            groups_per_connection: GROUPS_PER_CONNECTION_MAX,
            rows: ROWS_PER_NODE_MAX,
        })
    }
}

impl Memberships {
    fn new(limits: Limits) -> Memberships {
        Memberships {
            limits,
            connections: std::array::from_fn(|_| Mutex::default()),
            members: std::array::from_fn(|_| Mutex::default()),
            writer: Mutex::new(Writer::new(LOG_CHANGES_MAX)),
            progress: watch::Sender::new(Progress::default()),
        }
    }

    fn connection(&self, id: &MintedId) -> MutexGuard<'_, BTreeMap<MintedId, Belongings>> {
        lock(&self.connections[id.index() as usize % SHARDS])
    }

    fn row(&self, row: &Row) -> MutexGuard<'_, BTreeMap<Row, BTreeSet<MintedId>>> {
        lock(&self.members[(row.hash() % SHARDS as u64) as usize])
    }

    /// Says whose connection it is. `is_registered` is asked while nobody can forget the connection,
    /// so that a connection that has ended leaves nothing behind.
    pub(crate) fn set_user(
        &self,
        id: &MintedId,
        user: Option<UserId>,
        is_registered: impl Fn() -> bool,
    ) -> Result<(), MembershipError> {
        let mut connections = self.connection(id);
        if !is_registered() {
            return Err(MembershipError::NotHere);
        }
        let old = connections
            .get(id)
            .and_then(|belongings| belongings.user.clone());
        if old == user {
            return Ok(());
        }
        // The new one first: where there is no room for it, the old one stays.
        if let Some(user) = &user {
            self.enter(Row::User(user.clone()), *id)?;
        }
        if let Some(old) = old {
            self.exit(&Row::User(old), id);
        }
        let belongings = connections.entry(*id).or_default();
        belongings.user = user;
        if belongings.is_empty() {
            connections.remove(id);
        }
        Ok(())
    }

    /// Adds the connection to a group; being in it already is nothing to do.
    pub(crate) fn join(
        &self,
        id: &MintedId,
        group: Group,
        is_registered: impl Fn() -> bool,
    ) -> Result<(), MembershipError> {
        let limit = self.limits.groups_per_connection;
        let mut connections = self.connection(id);
        if !is_registered() {
            return Err(MembershipError::NotHere);
        }
        let groups = connections.get(id).map(|belongings| &belongings.groups);
        if groups.is_some_and(|groups| groups.contains(&group)) {
            return Ok(());
        }
        if groups.map_or(0, BTreeSet::len) >= limit {
            return Err(MembershipError::TooManyGroups { limit });
        }
        self.enter(Row::Group(group.clone()), *id)?;
        connections.entry(*id).or_default().groups.insert(group);
        Ok(())
    }

    /// Takes the connection out of a group; not being in it is nothing to do.
    pub(crate) fn leave(&self, id: &MintedId, group: &Group) {
        let mut connections = self.connection(id);
        let Some(belongings) = connections.get_mut(id) else {
            return;
        };
        if belongings.groups.remove(group) {
            self.exit(&Row::Group(group.clone()), id);
        }
        if belongings.is_empty() {
            connections.remove(id);
        }
    }

    /// The connection has ended, and everything with it.
    pub(crate) fn forget(&self, id: &MintedId) {
        let mut connections = self.connection(id);
        let Some(belongings) = connections.remove(id) else {
            return;
        };
        let user = belongings.user.map(Row::User);
        let groups = belongings.groups.into_iter().map(Row::Group);
        for row in user.into_iter().chain(groups) {
            self.exit(&row, id);
        }
    }

    fn enter(&self, row: Row, id: MintedId) -> Result<(), MembershipError> {
        let mut members = self.row(&row);
        if let Some(ids) = members.get_mut(&row) {
            ids.insert(id);
            return Ok(());
        }
        let mut writer = lock(&self.writer);
        let limit = self.limits.rows;
        if writer.rows() >= limit {
            return Err(MembershipError::TooManyRows { limit });
        }
        writer.change(row.clone(), true);
        self.tell(&writer);
        members.insert(row, BTreeSet::from([id]));
        Ok(())
    }

    fn exit(&self, row: &Row, id: &MintedId) {
        let mut members = self.row(row);
        let Some(ids) = members.get_mut(row) else {
            return;
        };
        ids.remove(id);
        if ids.is_empty() {
            members.remove(row);
            let mut writer = lock(&self.writer);
            writer.change(row.clone(), false);
            self.tell(&writer);
        }
    }

    /// At most `max` members of a row behind `after`, in an order that stays.
    pub(crate) fn page(&self, row: &Row, after: Option<MintedId>, max: usize) -> Vec<MintedId> {
        let members = self.row(row);
        let Some(ids) = members.get(row) else {
            return Vec::new();
        };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = ids.range((from, Bound::Unbounded));
        ids.take(max).copied().collect()
    }

    /// The user and the groups of a connection.
    pub(crate) fn of(&self, id: &MintedId) -> (Option<UserId>, Vec<Group>) {
        let connections = self.connection(id);
        let belongings = connections.get(id);
        belongings.map_or((None, Vec::new()), |belongings| {
            let groups = belongings.groups.iter().cloned().collect();
            (belongings.user.clone(), groups)
        })
    }
}

impl Belongings {
    fn is_empty(&self) -> bool {
        self.user.is_none() && self.groups.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use raftwire_protocol::{Boot, Incarnation, Slot};

    use super::*;

    const HERE: Incarnation = Incarnation::new(1);

    fn memberships() -> Memberships {
        let memberships = Memberships::new(Limits {
            groups_per_connection: 3,
            rows: 5,
        });
        memberships.begin(HERE);
        memberships
    }

    fn id(index: u32) -> MintedId {
        MintedId::new(Slot::new(1), Boot::new(1).expect("24 bits"), index, 0, 0)
    }

    fn group(name: impl ToString) -> Group {
        name.to_string().parse().expect("a group")
    }

    fn user(name: impl ToString) -> UserId {
        name.to_string().parse().expect("a user")
    }

    fn sequence(memberships: &Memberships) -> u64 {
        memberships.digest(HERE).expect("this incarnation").sequence
    }

    fn is_empty(memberships: &Memberships) -> bool {
        let connections = memberships
            .connections
            .iter()
            .all(|shard| lock(shard).is_empty());
        let members = memberships
            .members
            .iter()
            .all(|shard| lock(shard).is_empty());
        connections && members && lock(&memberships.writer).rows() == 0
    }

    #[test]
    fn only_the_first_and_the_last_of_a_group_are_changes() {
        let memberships = memberships();
        memberships.join(&id(1), group("a"), || true).expect("room");
        memberships.join(&id(2), group("a"), || true).expect("room");
        assert_eq!(sequence(&memberships), 1);
        assert_eq!(
            memberships.page(&Row::Group(group("a")), None, 9),
            [id(1), id(2)]
        );

        memberships.leave(&id(1), &group("a"));
        assert_eq!(sequence(&memberships), 1);
        memberships.forget(&id(2));

        assert_eq!(sequence(&memberships), 2);
        assert!(is_empty(&memberships));
    }

    #[test]
    fn a_connection_that_has_ended_joins_nothing() {
        let memberships = memberships();

        let joined = memberships.join(&id(1), group("a"), || false);
        let set = memberships.set_user(&id(1), Some(user("u")), || false);

        assert_eq!(
            (joined, set),
            (Err(MembershipError::NotHere), Err(MembershipError::NotHere))
        );
        assert!(is_empty(&memberships));
    }

    #[test]
    fn groups_of_a_connection_are_bounded() {
        let memberships = memberships();
        for number in 0..3 {
            memberships
                .join(&id(1), group(number), || true)
                .expect("room");
        }

        let more = memberships.join(&id(1), group(3), || true);

        assert_eq!(more, Err(MembershipError::TooManyGroups { limit: 3 }));
        assert_eq!(
            memberships.join(&id(1), group(2), || true),
            Ok(()),
            "it is in it"
        );
    }

    #[test]
    fn rows_of_a_node_are_bounded_and_a_user_stays_where_the_next_has_no_room() {
        let memberships = memberships();
        memberships
            .set_user(&id(0), Some(user("first")), || true)
            .expect("room");
        for number in 1..5 {
            memberships
                .join(&id(number), group(number), || true)
                .expect("room");
        }

        let more = memberships.set_user(&id(0), Some(user("second")), || true);

        assert_eq!(more, Err(MembershipError::TooManyRows { limit: 5 }));
        assert_eq!(memberships.of(&id(0)).0, Some(user("first")));
        assert_eq!(
            memberships.join(&id(0), group(1), || true),
            Ok(()),
            "no new row"
        );
    }

    #[test]
    fn another_user_takes_the_place_of_the_first() {
        let memberships = memberships();
        memberships
            .set_user(&id(1), Some(user("first")), || true)
            .expect("room");
        memberships
            .set_user(&id(1), Some(user("second")), || true)
            .expect("room");

        assert!(
            memberships
                .page(&Row::User(user("first")), None, 9)
                .is_empty()
        );
        assert_eq!(
            memberships.page(&Row::User(user("second")), None, 9),
            [id(1)]
        );
        memberships
            .set_user(&id(1), None, || true)
            .expect("nothing to hold");
        assert!(is_empty(&memberships));
    }

    #[test]
    fn a_hundred_thousand_joins_and_leaves_leave_nothing_behind() {
        let memberships = memberships();
        for number in 0..100_000_u32 {
            let connection = id(number % 1000);
            memberships
                .join(&connection, group(number % 7), || true)
                .expect("room");
            if number % 2 == 0 {
                memberships.leave(&connection, &group(number % 7));
            } else {
                memberships.forget(&connection);
            }
        }

        assert!(is_empty(&memberships));
        assert_eq!(sequence(&memberships), 200_000);
    }

    proptest! {
        #[test]
        fn both_ways_of_the_table_agree(
            steps in proptest::collection::vec((0..4u8, 0..6u32, 0..4u8), 0..100),
        ) {
            let memberships = memberships();
            for (what, connection, name) in steps {
                // Limits may refuse: then nothing has changed, which is what is checked.
                let _ = match what {
                    0 => memberships.join(&id(connection), group(name), || true),
                    1 => memberships.set_user(&id(connection), Some(user(name)), || true),
                    2 => {
                        memberships.leave(&id(connection), &group(name));
                        Ok(())
                    }
                    _ => {
                        memberships.forget(&id(connection));
                        Ok(())
                    }
                };
            }
            for name in 0..4 {
                for connection in 0..6 {
                    let (its_user, its_groups) = memberships.of(&id(connection));
                    let group_row = Row::Group(group(name));
                    let user_row = Row::User(user(name));
                    let is_in = memberships.page(&group_row, None, 9).contains(&id(connection));
                    prop_assert_eq!(its_groups.contains(&group(name)), is_in);
                    let is_theirs = memberships.page(&user_row, None, 9).contains(&id(connection));
                    prop_assert_eq!(its_user == Some(user(name)), is_theirs);
                }
            }
        }
    }
}
