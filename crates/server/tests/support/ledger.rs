//! What became of each message: what its sender learnt, and what its target received.

use std::collections::BTreeMap;
use std::time::Instant;

/// What a client learnt of one message.
#[derive(Clone, Debug)]
pub struct Fate {
    /// A connection's id, or a name.
    pub to: String,
    pub number: u64,
    pub outcome: String,
    pub happened: String,
    pub sent: Instant,
    pub answered: Instant,
}

/// What one connection saw.
#[derive(Clone, Debug)]
pub struct Account {
    pub node: usize,
    pub name: Option<String>,
    /// Before it was asked for: nothing can have reached it earlier.
    pub began: Instant,
    /// When its client saw the socket's end.
    pub ended: Option<Instant>,
    /// A newer connection has taken its name.
    pub superseded: bool,
    pub fates: Vec<Fate>,
    pub unanswered: usize,
    /// (the sender's id, its number), in the order of arrival.
    pub received: Vec<(String, u64)>,
}

impl Account {
    pub fn new(node: usize, name: Option<String>, began: Instant) -> Account {
        Account {
            node,
            name,
            began,
            ended: None,
            superseded: false,
            fates: Vec::new(),
            unanswered: 0,
            received: Vec::new(),
        }
    }

    fn has(&self, from: &str, number: u64) -> bool {
        self.received
            .iter()
            .any(|(sender, received)| sender == from && *received == number)
    }

    /// Whether this connection may have taken the message with it when it ended. It cannot if it
    /// has received a later one of the same sender: they wait in one outbox.
    fn may_have_lost(&self, from: &str, fate: &Fate) -> bool {
        let lived_meanwhile =
            self.began <= fate.answered && self.ended.is_some_and(|ended| ended >= fate.sent);
        let went_on = || {
            self.received
                .iter()
                .any(|(sender, number)| sender == from && *number > fate.number)
        };
        lived_meanwhile && !went_on()
    }
}

/// The accounts of all connections of a test, by id.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub accounts: BTreeMap<String, Account>,
}

/// How many messages had which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub acknowledged: usize,
    pub refused: usize,
    pub unknown: usize,
    /// Connections that were closed because a newer one took their name.
    pub superseded: usize,
}

impl Ledger {
    /// The connection of this id, or those that have had this name, oldest first.
    pub fn connections_of(&self, target: &str) -> Vec<&Account> {
        if let Some(account) = self.accounts.get(target) {
            return vec![account];
        }
        let is_named = |account: &&Account| account.name.as_deref() == Some(target);
        let mut found: Vec<&Account> = self.accounts.values().filter(is_named).collect();
        found.sort_by_key(|account| account.began);
        found
    }

    /// Acknowledged messages that nobody has received, and that no connection took with it.
    pub fn missing(&self) -> Vec<(String, Fate)> {
        let mut targets: BTreeMap<&str, Vec<&Account>> = BTreeMap::new();
        let mut missing = Vec::new();
        for (from, account) in &self.accounts {
            for fate in account.fates.iter().filter(|fate| fate.happened == "yes") {
                let target = targets
                    .entry(&fate.to)
                    .or_insert_with(|| self.connections_of(&fate.to));
                let is_settled = target.iter().any(|connection| {
                    connection.has(from, fate.number) || connection.may_have_lost(from, fate)
                });
                if !is_settled {
                    missing.push((from.clone(), fate.clone()));
                }
            }
        }
        missing
    }

    /// Checks that what arrived did so once and in order, over all connections of a name, and that
    /// no sender was told that it had not.
    pub fn check_receivers(&self) {
        let targets = self
            .accounts
            .iter()
            .map(|(id, account)| match &account.name {
                Some(name) => name,
                None => id,
            });
        let targets: std::collections::BTreeSet<&String> = targets.collect();
        for target in targets {
            let mut last: BTreeMap<&str, u64> = BTreeMap::new();
            let connections = self.connections_of(target);
            for (from, number) in connections.iter().flat_map(|account| &account.received) {
                let before = last.insert(from, *number);
                assert!(
                    before.is_none_or(|before| before < *number),
                    "{target} received {number} of {from} after {before:?}"
                );
                let fate = self.accounts.get(from).and_then(|sender| {
                    let is_it = |fate: &&Fate| fate.to == *target && fate.number == *number;
                    sender.fates.iter().find(is_it)
                });
                assert!(
                    fate.is_none_or(|fate| fate.happened != "no"),
                    "{target} received {number} of {from}, which was told {fate:?}"
                );
            }
        }
    }

    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for account in self.accounts.values() {
            tally.superseded += usize::from(account.superseded);
            for fate in &account.fates {
                match &*fate.happened {
                    "yes" => tally.acknowledged += 1,
                    "no" => tally.refused += 1,
                    _ => tally.unknown += 1,
                }
            }
        }
        tally
    }
}
