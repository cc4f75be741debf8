//! Clients that are connected to the nodes, and senders that send them messages.

mod asker;
mod client;
mod crowd;
mod meter;
pub(crate) mod namer;
mod operator;
mod payload;
mod probe;
mod sender;
mod speaker;
mod stamp;

use std::sync::Arc;
use std::time::Duration;

use raftwire::ClusterManager;
use raftwire_environment::Environment;
use tokio::task::JoinHandle;

use crate::board::Board;
use crate::dice::Dice;
use crate::fact::Process;
use crate::scenario::Load;

/// How often something that waits for a phase looks whether it has come.
const LOOK: Duration = Duration::from_millis(20);

/// What everything that runs in a node's host needs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) process: Process,
    pub(crate) manager: ClusterManager,
    pub(crate) environment: Environment,
    pub(crate) board: Board,
    pub(crate) load: Arc<Load>,
    /// The random numbers of this process.
    pub(crate) dice: Dice,
}

/// Starts the clients and senders of a process. The clients end when the node has closed their
/// connections and stops.
pub(crate) fn start(place: &Place) -> Vec<JoinHandle<()>> {
    let Place {
        environment,
        load,
        dice,
        ..
    } = place;
    let mut clients = Vec::new();
    clients.push(environment.spawn("probe client", client::keep_probe(place.clone())));
    for seat in 0..load.clients_per_node {
        let dice = dice.stream(&format!("client {seat}"));
        clients.push(environment.spawn("client", client::run(place.clone(), dice)));
    }
    for number in 0..load.senders_per_node {
        let dice = dice.stream(&format!("sender {number}"));
        let sender = sender::Sender::new(place.clone(), number, dice);
        environment.spawn("sender", sender.run());
    }
    for seat in 0..load.crowd_per_node {
        let dice = dice.stream(&format!("crowd {seat}"));
        clients.push(environment.spawn("crowd", crowd::run(place.clone(), dice)));
    }
    let speaker = dice.stream("speaker");
    environment.spawn("speaker", speaker::speak(place.clone(), speaker));
    let crier = dice.stream("crier");
    environment.spawn("crier", speaker::cry(place.clone(), crier));
    let roll = dice.stream("roll");
    environment.spawn("roll call", speaker::call_the_roll(place.clone(), roll));
    let operator = dice.stream("operator");
    environment.spawn("operator", operator::run(place.clone(), operator));
    environment.spawn("meter", meter::run(place.clone()));
    environment.spawn("asker", asker::run(place.clone(), dice.stream("asker")));
    if load.names > 0 {
        environment.spawn("namer", namer::run(place.clone(), dice.stream("namer")));
    }
    environment.spawn("probe", probe::run(place.clone()));
    clients
}
