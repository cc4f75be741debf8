//! Founding: how nodes that know each other's names become a cluster, once.
//!
//! Every blank node tells all others of its list who it is, what list it has, whether it is
//! ephemeral, and whether it knows a cluster. Whoever hears of a cluster joins it and founds
//! nothing. Otherwise the smallest name of the list founds, once it has heard all that are to
//! vote, all of them blank and with the same list.
//!
//! *There is at most one founding.* Only the smallest name of a list founds, and it is one node:
//! its data folder is locked. It founds only while its own log is blank, and the founding is the
//! first thing in its log; so after a crash in the middle it goes on as a voter of what it founded,
//! or it is as blank as before. Two founders would need two lists with different smallest names;
//! then a voter of the one list is not told of by the other, or has heard of another list and is
//! refused.
//!
//! A founder whose data folder was lost right after founding is blank again, under a new Raft id.
//! Its voters are not blank if anything reached them, so it does not found again but waits for
//! them to tell it of a cluster.

mod decision;

use std::time::Duration;

use futures_util::future::join_all;
use raftwire_protocol::NodeId;
use tokio::time::sleep;

pub(crate) use self::decision::voter_count;
use self::decision::{Decision, Heard, decide, list_difference};
use crate::engine::{self, Metrics};
use crate::shared::Shared;
use crate::type_config::Seat;
use crate::wire::request::{Greeting, RequestKind};
use crate::wire::response::ResponseKind;
use crate::wire::{parse_node, parse_u128};

/// The pause between two rounds of greetings.
const PAUSE: Duration = Duration::from_millis(200);

/// After how long it is said whom the founding waits for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a greeting may take.
const GREETING: Duration = Duration::from_millis(500);

/// Greets until there is a cluster, which this node founds if it is its turn.
pub(crate) async fn run(shared: &Shared) {
    let begun = shared.now();
    loop {
        let report = engine::metrics(&shared.engine);
        if !is_blank(&report) || shared.state().cluster_id.is_some() {
            shared.cluster_known.send_replace(true);
            return;
        }
        let heard = greet_all(shared).await;
        let me = own_greeting(shared);
        match decide(&me, &heard) {
            Decision::Join { founded_with } => {
                warn_of_other_list(shared, &founded_with);
                shared.report(None);
                shared.cluster_known.send_replace(true);
                return;
            }
            Decision::Found(voters) => {
                shared.report(None);
                found(shared, voters).await;
                continue;
            }
            Decision::Wait { problem } => {
                let waits_long = shared.now().duration_since(begun) >= PATIENCE;
                let waits = || waits_long.then(|| waiting(shared, &heard)).flatten();
                shared.report(problem.or_else(waits));
            }
        }
        sleep(PAUSE).await;
    }
}

/// Whom the founding waits for, in words.
fn waiting(shared: &Shared, heard: &[Heard]) -> Option<String> {
    let is_missing = |node: &&NodeId| {
        **node != shared.options.node && heard.iter().all(|peer| peer.node != **node)
    };
    let missing: Vec<&str> = shared
        .founding
        .iter()
        .filter(is_missing)
        .map(NodeId::as_str)
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "waiting for {}: a cluster is founded when the nodes of the list have heard each other",
            missing.join(", ")
        )
    })
}

/// The answer to a greeting.
pub(crate) fn answer(shared: &Shared) -> ResponseKind {
    let state = shared.state();
    let me = own_greeting(shared);
    ResponseKind::Greet(Greeting {
        node: me.node.as_str().to_owned(),
        raft_id: me.raft_id,
        founding: texts(&me.founding),
        ephemeral: me.ephemeral,
        edge: me.edge,
        blank: me.blank,
        cluster_id: state.cluster_id.map(|id| id.to_be_bytes().to_vec().into()),
        leader: shared.leader().map(|leader| leader.as_str().to_owned()),
        founded_with: texts(&state.founding),
    })
}

/// Whether the log has never had anything in it.
fn is_blank(report: &Metrics) -> bool {
    report.last_log_index.is_none() && report.snapshot.is_none()
}

fn own_greeting(shared: &Shared) -> Heard {
    Heard {
        node: shared.options.node.clone(),
        raft_id: shared.raft_id.get(),
        founding: shared.founding.clone(),
        ephemeral: shared.options.is_ephemeral(),
        edge: shared.options.is_edge(),
        blank: is_blank(&engine::metrics(&shared.engine)),
        cluster: None,
    }
}

async fn greet_all(shared: &Shared) -> Vec<Heard> {
    let peers = shared
        .founding
        .iter()
        .filter(|node| **node != shared.options.node);
    let answers = join_all(peers.map(|peer| greet(shared, peer))).await;
    answers.into_iter().flatten().collect()
}

/// A peer's greeting; nothing if it cannot be heard or speaks under another name.
async fn greet(shared: &Shared, peer: &NodeId) -> Option<Heard> {
    let ResponseKind::Greet(greeting) = answer(shared) else {
        return None;
    };
    let request = RequestKind::Greet(greeting).into_bytes();
    let answer = shared.network.call(peer, request, GREETING).await.ok()?;
    let ResponseKind::Greet(greeting) = ResponseKind::from_bytes(answer).ok()? else {
        return None;
    };
    let heard = parse(greeting)?;
    (heard.node == *peer).then_some(heard)
}

fn parse(greeting: Greeting) -> Option<Heard> {
    let names = |list: &[String]| -> Option<Vec<NodeId>> {
        list.iter().map(|name| parse_node(name).ok()).collect()
    };
    let cluster = match greeting.cluster_id {
        None => None,
        Some(id) => {
            parse_u128(&id, "cluster_id").ok()?;
            Some(names(&greeting.founded_with)?)
        }
    };
    Some(Heard {
        node: parse_node(&greeting.node).ok()?,
        raft_id: greeting.raft_id,
        founding: names(&greeting.founding)?,
        ephemeral: greeting.ephemeral,
        edge: greeting.edge,
        blank: greeting.blank,
        cluster,
    })
}

async fn found(shared: &Shared, voters: Vec<(u64, NodeId)>) {
    let seats: std::collections::BTreeMap<u64, Seat> = voters
        .into_iter()
        .map(|(raft_id, node)| {
            (
                raft_id,
                Seat {
                    node: node.as_str().to_owned(),
                },
            )
        })
        .collect();
    let is_pair = seats.len() == 2;
    let names: Vec<&str> = seats.values().map(|seat| seat.node.as_str()).collect();
    let names = format!("{names:?}");
    if let Err(error) = shared.engine.initialize(seats).await {
        // Something reached the log meanwhile, this founding itself perhaps: then the next round sees
        // a log that is not blank.
        tracing::debug!(%error, "not founded");
        sleep(PAUSE).await;
        return;
    }
    tracing::info!(node = %shared.options.node, voters = names, "founding a cluster");
    if is_pair {
        tracing::warn!("two voters: the cluster stands still while one of them is away");
    }
}

fn warn_of_other_list(shared: &Shared, founded_with: &[NodeId]) {
    // An edge lists whom it speaks to, not who founds.
    if let Some(difference) = list_difference(&shared.founding, founded_with)
        && !shared.options.is_edge()
    {
        tracing::warn!(
            node = %shared.options.node,
            "joining a cluster that was founded with another list of nodes: {difference}"
        );
    }
}

fn texts(list: &[NodeId]) -> Vec<String> {
    list.iter().map(|node| node.as_str().to_owned()).collect()
}
