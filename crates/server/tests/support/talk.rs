//! A client that sends numbered messages and enters in the ledger what it sees.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use raftwire_environment::Environment;
use serde_json::Value;
use tokio::sync::watch;

use super::ledger::{Account, Fate, Ledger};
use super::{Client, Closed, Heard};

/// Results that a client waits for at a time.
const IN_FLIGHT_MAX: usize = 8;
/// From one message of a client to its next.
const PACE: Duration = Duration::from_millis(60);
/// From one attempt to connect to the next.
const RETRY: Duration = Duration::from_millis(50);
/// The close code that tells a connection that a newer one has its name.
const SUPERSEDED: u16 = 4002;

/// A client with a name, which connects again when its node has gone.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub name: String,
    /// The port of each node: the next one is tried after the one that has gone.
    pub ports: Vec<u16>,
}

impl Identity {
    /// Connects to a node; `None`: it has not welcomed the client.
    pub async fn connect(&self, node: usize) -> Option<Client> {
        Client::try_connect_as(self.ports[node], &format!("name={}", self.name)).await
    }
}

#[derive(Debug)]
pub(super) struct Talk {
    pub environment: Environment,
    pub client: Client,
    pub node: usize,
    pub identity: Option<Identity>,
    pub to: String,
    pub ledger: Arc<Mutex<Ledger>>,
    pub stop: watch::Receiver<bool>,
    number: u64,
    /// Number and time of the messages that are not answered, by request.
    waiting: BTreeMap<u64, (u64, Instant)>,
}

impl Talk {
    /// A client that has connected and begins to send to a connection or a name.
    pub fn new(
        environment: Environment,
        (node, client): (usize, Client),
        identity: Option<Identity>,
        to: String,
        ledger: Arc<Mutex<Ledger>>,
        stop: watch::Receiver<bool>,
    ) -> Talk {
        Talk {
            environment,
            client,
            node,
            identity,
            to,
            ledger,
            stop,
            number: 0,
            waiting: BTreeMap::new(),
        }
    }

    pub async fn run(mut self) {
        let mut pace = tokio::time::interval(PACE);
        loop {
            tokio::select! {
                heard = self.client.hear() => match heard {
                    Heard::Json(said) => self.heard(&said),
                    Heard::Closed(closed) => if !self.closed(&closed).await { return },
                    Heard::Binary(bytes) => panic!("unexpected: {bytes:?}"),
                },
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
        let sent = self.environment.now();
        if let Some(request) = self.client.try_send(&to, &text).await {
            self.waiting.insert(request, (self.number, sent));
            self.account(|account| account.unanswered += 1);
        }
    }

    fn account(&self, change: impl FnOnce(&mut Account)) {
        let mut ledger = self.ledger.lock().unwrap();
        change(
            ledger
                .accounts
                .get_mut(&self.client.id)
                .expect("registered"),
        );
    }

    /// The socket has ended; false: and so has the client.
    async fn closed(&mut self, closed: &Closed) -> bool {
        let (now, superseded) = (self.environment.now(), closed.code == Some(SUPERSEDED));
        self.account(|account| {
            account.ended = Some(now);
            account.superseded = superseded;
        });
        let Some(identity) = self.identity.clone().filter(|_| !superseded) else {
            return false;
        };
        // Its numbers start again: they count for the connection, which has another id.
        (self.number, self.waiting) = (0, BTreeMap::new());
        loop {
            self.node = (self.node + 1) % identity.ports.len();
            let began = self.environment.now();
            if let Some(client) = identity.connect(self.node).await {
                self.client = client;
                let account = Account::new(self.node, Some(identity.name), began);
                let mut ledger = self.ledger.lock().unwrap();
                ledger.accounts.insert(self.client.id.clone(), account);
                return true;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    fn heard(&mut self, said: &Value) {
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
                let (number, sent) = self.waiting.remove(&request).expect("it was asked once");
                let fate = Fate {
                    to: self.to.clone(),
                    number,
                    outcome: text(&said["outcome"]),
                    happened: text(&said["happened"]),
                    sent,
                    answered: self.environment.now(),
                };
                self.account(|account| {
                    account.unanswered -= 1;
                    account.fates.push(fate);
                });
            }
            _ => panic!("unexpected: {said}"),
        }
    }
}
