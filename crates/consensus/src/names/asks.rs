//! Lookups of a node that does not have the log: many in one question to a node that has it.

use std::collections::BTreeMap;
use std::time::Duration;

use raftwire_protocol::{Name, NodeId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::read_index::NoQuorum;
use crate::shared::Shared;
use crate::state::NameRow;
use crate::wire::request::{Lookup, RequestKind};
use crate::wire::response::ResponseKind;

/// How many names are one question: question and answer fit into a control packet each.
pub(crate) const NAMES_MAX: usize = 1_024;

/// How many bytes the names of one question have together.
const NAMES_BYTES_MAX: usize = 40 * 1024;

/// Bytes of a name beside its text.
const NAME_BYTES: usize = 3;

/// Bytes of a row in an answer: two halves of a connection, an epoch and an incarnation.
const ROW_BYTES_MAX: usize = 2 + 9 + 9 + 11 + 11;

const _: () = assert!(NAMES_BYTES_MAX + 1024 <= crate::CALL_BYTES_MAX);
const _: () = assert!(NAMES_MAX * ROW_BYTES_MAX + 1024 <= crate::CALL_BYTES_MAX);

/// How long one question may take.
const ATTEMPT: Duration = Duration::from_millis(700);

/// The pause between attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// A lookup, and who waits for it.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) name: Name,
    pub(crate) answer: oneshot::Sender<Result<Option<NameRow>, NoQuorum>>,
}

type Waiting = BTreeMap<Name, Vec<oneshot::Sender<Result<Option<NameRow>, NoQuorum>>>>;

/// Asks another node what `name` means.
pub(crate) async fn ask(shared: &Shared, name: &Name) -> Result<Option<NameRow>, NoQuorum> {
    let (answer, answered) = oneshot::channel();
    let ask = Ask {
        name: name.clone(),
        answer,
    };
    shared.names.asks.try_send(ask).map_err(|_| NoQuorum)?;
    answered.await.unwrap_or(Err(NoQuorum))
}

/// Runs until the node ends. What comes while a question is under way is part of the next.
pub(crate) async fn run(shared: &Shared, mut queue: mpsc::Receiver<Ask>) {
    let mut received = Vec::new();
    let mut asked = None;
    while queue
        .recv_many(&mut received, super::ASKS_WAITING_MAX)
        .await
        > 0
    {
        let mut waiting = Waiting::new();
        for Ask { name, answer } in received.drain(..) {
            if !answer.is_closed() {
                waiting.entry(name).or_default().push(answer);
            }
        }
        while !waiting.is_empty() {
            let part = take_part(&mut waiting);
            let names: Vec<Name> = part.keys().cloned().collect();
            // As long as a failover takes: then there is nobody who knows.
            let deadline = shared.options.timings.failover();
            let rows = timeout(deadline, question(shared, &names, &mut asked)).await;
            tell(shared, part, rows.ok());
        }
    }
}

fn take_part(waiting: &mut Waiting) -> Waiting {
    let mut part = Waiting::new();
    let mut bytes = 0;
    while let Some(entry) = waiting.first_entry() {
        bytes += entry.key().as_str().len() + NAME_BYTES;
        if part.len() == NAMES_MAX || bytes > NAMES_BYTES_MAX {
            break;
        }
        let (name, answers) = entry.remove_entry();
        part.insert(name, answers);
    }
    part
}

fn tell(shared: &Shared, part: Waiting, rows: Option<Vec<Option<NameRow>>>) {
    let Some(rows) = rows else {
        for answer in part.into_values().flatten() {
            // Whoever has given up needs no answer.
            let _ = answer.send(Err(NoQuorum));
        }
        return;
    };
    // Whoever asked goes by a row when the state is as far.
    let newest = rows.iter().flatten().map(|row| row.epoch).max();
    shared.hearing.want(newest.unwrap_or(0));
    for ((name, answers), row) in part.into_iter().zip(rows) {
        match row {
            Some(row) => shared.names.cache().put(name, row),
            None => shared.names.cache().remove(&name),
        }
        for answer in answers {
            let _ = answer.send(Ok(row));
        }
    }
}

/// Asks one node after the other until one knows; whoever answered last is asked first.
async fn question(
    shared: &Shared,
    names: &[Name],
    asked: &mut Option<NodeId>,
) -> Vec<Option<NameRow>> {
    let request = RequestKind::Lookup(Lookup {
        names: names.iter().map(|name| name.as_str().to_owned()).collect(),
    })
    .into_bytes();
    let mut round = 0_usize;
    loop {
        // Whoever answered last, or the leader; then whom that one named; then anybody, as what is
        // known of the leader may be old.
        let known = asked.take().or_else(|| shared.leader());
        let target = known
            .filter(|node| round % 3 < 2 && *node != shared.options.node)
            .or_else(|| nth_peer(shared, round / 3));
        round = round.wrapping_add(1);
        let Some(node) = target else {
            sleep(PAUSE).await;
            continue;
        };
        let answer = shared.network.call(&node, request.clone(), ATTEMPT).await;
        match answer.map(ResponseKind::from_bytes) {
            Ok(Ok(ResponseKind::Lookup(looked_up))) if looked_up.rows.len() == names.len() => {
                *asked = Some(node);
                return looked_up.rows.into_iter().map(Into::into).collect();
            }
            Ok(Ok(ResponseKind::Refused(refused))) => {
                let hint = refused.leader.and_then(|leader| leader.parse().ok());
                *asked = hint.filter(|hint| *hint != node);
            }
            Ok(_) | Err(_) => {}
        }
        sleep(PAUSE).await;
    }
}

fn nth_peer(shared: &Shared, round: usize) -> Option<NodeId> {
    let peers = shared.peers();
    let at = round.checked_rem(peers.len())?;
    peers.into_iter().nth(at)
}
