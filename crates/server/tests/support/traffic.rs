//! Numbered messages between clients of different nodes, and the account of what became of each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use raftwire_environment::Environment;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::ledger::{Account, Ledger, Tally};
use super::talk::{Identity, Talk};
use super::{Client, eventually};

/// All clients of a test.
#[derive(Debug)]
pub struct Traffic {
    environment: Environment,
    ledger: Arc<Mutex<Ledger>>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Traffic {
    pub fn new() -> Traffic {
        Traffic {
            environment: Environment::real(),
            ledger: Arc::default(),
            stop: watch::Sender::new(false),
            tasks: Vec::new(),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// Clients that send to each other in a ring; `clients` tells the node of each.
    pub fn ring(&mut self, clients: Vec<(usize, Client)>) {
        let ids: Vec<String> = clients
            .iter()
            .map(|(_, client)| client.id.clone())
            .collect();
        let began = self.environment.now();
        for (index, (node, client)) in clients.into_iter().enumerate() {
            let to = ids[(index + 1) % ids.len()].clone();
            let account = Account::new(node, None, began);
            self.begin(account, (node, client), None, to);
        }
    }

    /// A client of this name that sends to another name. It takes the name over if another
    /// connection has it, and connects to the next of the `ports` when its node ends.
    pub async fn named(&mut self, node: usize, ports: &[u16], name: &str, to: &str) {
        let identity = Identity {
            name: name.to_owned(),
            ports: ports.to_vec(),
        };
        let what = format!("the welcome of {name}");
        let (began, client) = eventually(&what, async || {
            let began = self.environment.now();
            Some((began, identity.connect(node).await?))
        })
        .await;
        let account = Account::new(node, Some(name.to_owned()), began);
        self.begin(account, (node, client), Some(identity), to.to_owned());
    }

    fn begin(
        &mut self,
        account: Account,
        (node, client): (usize, Client),
        identity: Option<Identity>,
        to: String,
    ) {
        self.ledger().accounts.insert(client.id.clone(), account);
        let talk = Talk::new(
            self.environment.clone(),
            (node, client),
            identity,
            to,
            Arc::clone(&self.ledger),
            self.stop.subscribe(),
        );
        self.tasks
            .push(self.environment.spawn("client", talk.run()));
    }

    /// How many messages have been received so far.
    pub fn received(&self) -> usize {
        let ledger = self.ledger();
        let received = |account: &Account| account.received.len();
        ledger.accounts.values().map(received).sum()
    }

    /// How many messages have been received so far under each name.
    pub fn received_by_name(&self) -> BTreeMap<String, usize> {
        let mut received = BTreeMap::new();
        for account in self.ledger().accounts.values() {
            if let Some(name) = &account.name {
                *received.entry(name.clone()).or_default() += account.received.len();
            }
        }
        received
    }

    /// The node of the connection that has a name now, and how many messages it has received;
    /// `None`: no connection has it.
    pub fn place(&self, name: &str) -> Option<(usize, usize)> {
        let ledger = self.ledger();
        let newest = ledger.connections_of(name).last().copied()?;
        newest
            .ended
            .is_none()
            .then_some((newest.node, newest.received.len()))
    }

    /// How many clients of a node have lost their socket.
    pub fn ended_on(&self, node: usize) -> usize {
        let ledger = self.ledger();
        let ended = |account: &&Account| account.node == node && account.ended.is_some();
        ledger.accounts.values().filter(ended).count()
    }

    /// What has become of the messages so far.
    pub fn tally(&self) -> Tally {
        self.ledger().tally()
    }

    /// Ends the traffic, waits for what is on its way, and checks the promise for every message:
    /// acknowledged ⇒ received once, in order, unless that client's socket ended first.
    pub async fn settle(self) -> Tally {
        self.stop.send_replace(true);
        eventually("an answer to every message", async || {
            let is_answered =
                |account: &Account| account.ended.is_some() || account.unanswered == 0;
            let ledger = self.ledger();
            ledger.accounts.values().all(is_answered).then_some(())
        })
        .await;
        eventually("the arrival of every acknowledged message", async || {
            let ledger = self.ledger().clone();
            ledger.missing().is_empty().then_some(())
        })
        .await;
        let ledger = self.ledger().clone();
        self.tasks.iter().for_each(JoinHandle::abort);
        ledger.check_receivers();
        ledger.tally()
    }
}
