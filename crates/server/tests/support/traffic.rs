//! Numbered messages between clients of different nodes, and the account of what became of each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use raftwire_environment::Environment;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Client, Heard, eventually};

/// Results that a client waits for at a time.
const IN_FLIGHT_MAX: usize = 8;
/// From one message of a client to its next.
const PACE: Duration = Duration::from_millis(60);

/// What a client learnt of one message.
#[derive(Clone, Debug)]
struct Fate {
    to: String,
    number: u64,
    outcome: String,
    happened: String,
}

/// What one client saw.
#[derive(Clone, Debug, Default)]
struct Account {
    node: usize,
    fates: Vec<Fate>,
    unanswered: usize,
    /// (the sender's id, its number), in the order of arrival.
    received: Vec<(String, u64)>,
    ended: bool,
}

type Accounts = Arc<Mutex<BTreeMap<String, Account>>>;

/// All clients of a test.
#[derive(Debug)]
pub struct Traffic {
    environment: Environment,
    accounts: Accounts,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// How many messages had which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub acknowledged: usize,
    pub refused: usize,
    pub unknown: usize,
}

impl Traffic {
    pub fn new() -> Traffic {
        Traffic {
            environment: Environment::real(),
            accounts: Accounts::default(),
            stop: watch::Sender::new(false),
            tasks: Vec::new(),
        }
    }

    fn accounts(&self) -> MutexGuard<'_, BTreeMap<String, Account>> {
        self.accounts.lock().unwrap()
    }

    /// Clients that send to each other in a ring; `clients` tells the node of each.
    pub fn ring(&mut self, clients: Vec<(usize, Client)>) {
        let ids: Vec<String> = clients
            .iter()
            .map(|(_, client)| client.id.clone())
            .collect();
        for (index, (node, client)) in clients.into_iter().enumerate() {
            let to = ids[(index + 1) % ids.len()].clone();
            self.accounts().insert(
                client.id.clone(),
                Account {
                    node,
                    ..Account::default()
                },
            );
            let talk = Talk {
                client,
                to,
                accounts: Arc::clone(&self.accounts),
                stop: self.stop.subscribe(),
                number: 0,
                waiting: BTreeMap::new(),
            };
            self.tasks
                .push(self.environment.spawn("client", talk.run()));
        }
    }

    /// How many messages have been received so far.
    pub fn received(&self) -> usize {
        self.accounts()
            .values()
            .map(|account| account.received.len())
            .sum()
    }

    /// How many clients of a node have lost their socket.
    pub fn ended_on(&self, node: usize) -> usize {
        self.accounts()
            .values()
            .filter(|account| account.node == node && account.ended)
            .count()
    }

    /// Ends the traffic, waits for what is on its way, and checks the promise for every message:
    /// acknowledged ⇒ received once, in order, unless that client's socket ended first.
    pub async fn settle(self) -> Tally {
        self.stop.send_replace(true);
        eventually("an answer to every message", async || {
            let accounts = self.accounts();
            accounts
                .values()
                .all(|account| account.ended || account.unanswered == 0)
                .then_some(())
        })
        .await;
        eventually("the arrival of every acknowledged message", async || {
            let accounts = self.accounts();
            missing(&accounts).is_empty().then_some(())
        })
        .await;
        let accounts = self.accounts().clone();
        self.tasks.iter().for_each(JoinHandle::abort);
        check_receivers(&accounts);
        tally(&accounts)
    }
}

/// Acknowledged messages that a living socket has not received.
fn missing(accounts: &BTreeMap<String, Account>) -> Vec<(String, Fate)> {
    let mut missing = Vec::new();
    for (from, account) in accounts {
        for fate in account.fates.iter().filter(|fate| fate.happened == "yes") {
            let target = &accounts[&fate.to];
            let has_it = || {
                target
                    .received
                    .iter()
                    .any(|(sender, number)| (sender, *number) == (from, fate.number))
            };
            if !target.ended && !has_it() {
                missing.push((from.clone(), fate.clone()));
            }
        }
    }
    missing
}

fn check_receivers(accounts: &BTreeMap<String, Account>) {
    for (id, account) in accounts {
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for (from, number) in &account.received {
            let before = last.insert(from, *number);
            assert!(
                before.is_none_or(|before| before < *number),
                "{id} received {number} of {from} after {before:?}"
            );
            let fate = accounts.get(from).and_then(|sender| {
                sender
                    .fates
                    .iter()
                    .find(|fate| fate.to == *id && fate.number == *number)
            });
            assert!(
                fate.is_none_or(|fate| fate.happened != "no"),
                "{id} received {number} of {from}, which was told {fate:?}"
            );
        }
    }
}

fn tally(accounts: &BTreeMap<String, Account>) -> Tally {
    let mut tally = Tally::default();
    for fate in accounts.values().flat_map(|account| &account.fates) {
        match &*fate.happened {
            "yes" => tally.acknowledged += 1,
            "no" => tally.refused += 1,
            _ => tally.unknown += 1,
        }
    }
    tally
}

struct Talk {
    client: Client,
    to: String,
    accounts: Accounts,
    stop: watch::Receiver<bool>,
    number: u64,
    waiting: BTreeMap<u64, u64>,
}

impl Talk {
    async fn run(mut self) {
        let mut pace = tokio::time::interval(PACE);
        loop {
            tokio::select! {
                heard = self.client.hear() => if !self.heard(heard) { return },
                _ = pace.tick() => self.send().await,
            }
        }
    }

    async fn send(&mut self) {
        if *self.stop.borrow() || self.waiting.len() >= IN_FLIGHT_MAX {
            return;
        }
        self.number += 1;
        let text = format!("{} {}", self.client.id, self.number);
        let to = self.to.clone();
        if let Some(request) = self.client.try_send(&to, &text).await {
            self.waiting.insert(request, self.number);
            self.account(|account| account.unanswered += 1);
        }
    }

    fn account(&self, change: impl FnOnce(&mut Account)) {
        let mut accounts = self.accounts.lock().unwrap();
        change(accounts.get_mut(&self.client.id).expect("registered"));
    }

    fn heard(&mut self, heard: Heard) -> bool {
        let Heard::Json(said) = heard else {
            self.account(|account| account.ended = true);
            return false;
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match said["type"].as_str() {
            Some("message") => {
                let content = text(&said["text"]);
                let (from, number) = content.split_once(' ').expect("a sender and a number");
                let entry = (from.to_owned(), number.parse().expect("a number"));
                self.account(|account| account.received.push(entry));
            }
            Some("result") => {
                let request = said["id"].as_u64().expect("a request id");
                let number = self.waiting.remove(&request).expect("it was asked once");
                let fate = Fate {
                    to: self.to.clone(),
                    number,
                    outcome: text(&said["outcome"]),
                    happened: text(&said["happened"]),
                };
                self.account(|account| {
                    account.unanswered -= 1;
                    account.fates.push(fate);
                });
            }
            _ => panic!("unexpected: {said}"),
        }
        true
    }
}
