//! Proposals: to the log if this node leads, else to the node that does.

use std::time::Duration;

use openraft::errors::{ClientWriteError, ForwardToLeader, RaftError};
use raftwire_protocol::NodeId;
use tokio::time::timeout;

use crate::command::{Command, Outcome};
use crate::names::batch::OPERATIONS_MAX;
use crate::shared::Shared;
use crate::type_config::TypeConfig;
use crate::wire::request::{Propose, RequestKind};
use crate::wire::response::{RefusalCode, Refused, ResponseKind};
use crate::wire::{ENTRY_BYTES_MAX, decode_command, encode_command};

/// How long one attempt may take: a commit takes milliseconds, and an attempt that meets an
/// election is better made again.
const ATTEMPT: Duration = Duration::from_secs(1);

/// The pause between attempts while nobody leads: an election takes several of them.
const PAUSE: Duration = Duration::from_millis(50);

/// Why there is no outcome. The command may have been, or may yet be, carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProposeError {
    #[error("no leader took the proposal in time")]
    Deadline,
    #[error("the engine has stopped")]
    Stopped,
}

/// What one attempt came to, if not to an outcome.
enum Missed {
    /// Somebody else leads, perhaps this node.
    Elsewhere(Option<NodeId>),
    Stopped,
}

/// Proposes until there is an outcome or `deadline` has passed. The command is idempotent.
pub(crate) async fn propose(
    shared: &Shared,
    command: &Command,
    deadline: Duration,
) -> Result<Outcome, ProposeError> {
    timeout(deadline, propose_until_done(shared, command))
        .await
        .unwrap_or(Err(ProposeError::Deadline))
}

async fn propose_until_done(shared: &Shared, command: &Command) -> Result<Outcome, ProposeError> {
    let mut round = 0_usize;
    loop {
        let leader = match attempt_here(shared, command.clone()).await {
            Ok(outcome) => return Ok(outcome),
            Err(Missed::Stopped) => return Err(ProposeError::Stopped),
            Err(Missed::Elsewhere(leader)) => leader.or_else(|| shared.leader()),
        };
        // What is known of the leader may be old: every second time somebody else is asked.
        let mut target = leader
            .filter(|_| round.is_multiple_of(2))
            .or_else(|| any_peer(shared, round / 2));
        // The node that was asked may know the leader; who it names is asked at once.
        for _ in 0..2 {
            let Some(node) = target.take().filter(|node| *node != shared.options.node) else {
                break;
            };
            match attempt_there(shared, &node, command).await {
                Ok(outcome) => return Ok(outcome),
                Err(hint) => target = hint.filter(|hint| *hint != node),
            }
        }
        round = round.wrapping_add(1);
        tokio::time::sleep(PAUSE).await;
    }
}

/// One peer after the other.
fn any_peer(shared: &Shared, round: usize) -> Option<NodeId> {
    let peers = shared.peers();
    let at = round.checked_rem(peers.len())?;
    peers.into_iter().nth(at)
}

async fn attempt_here(shared: &Shared, command: Command) -> Result<Outcome, Missed> {
    let Ok(written) = timeout(ATTEMPT, shared.engine.client_write(command)).await else {
        return Err(Missed::Elsewhere(None));
    };
    match written {
        Ok(response) => Ok(response.data),
        Err(RaftError::Fatal(_)) => Err(Missed::Stopped),
        Err(RaftError::APIError(
            ClientWriteError::ForwardToLeader(forward)
            | ClientWriteError::LogEntryDiscarded(forward),
        )) => Err(Missed::Elsewhere(named(&forward))),
        Err(RaftError::APIError(_)) => Err(Missed::Elsewhere(None)),
    }
}

fn named(forward: &ForwardToLeader<TypeConfig>) -> Option<NodeId> {
    forward
        .leader_node
        .as_ref()
        .and_then(|seat| seat.node.parse().ok())
}

async fn attempt_there(
    shared: &Shared,
    node: &NodeId,
    command: &Command,
) -> Result<Outcome, Option<NodeId>> {
    let request = RequestKind::Propose(Propose {
        command: encode_command(command),
    });
    let answer = shared
        .network
        .call(node, request.into_bytes(), ATTEMPT)
        .await;
    match answer.map(ResponseKind::from_bytes) {
        Ok(Ok(ResponseKind::Propose(proposed))) => proposed
            .outcome
            .and_then(|outcome| outcome.try_into().ok())
            .ok_or(None),
        Ok(Ok(ResponseKind::Refused(refused))) => {
            Err(refused.leader.and_then(|leader| leader.parse().ok()))
        }
        Ok(_) | Err(_) => Err(None),
    }
}

/// A peer's proposal: taken if this node leads, else answered with who does. A node proposes for
/// itself only, and what only a leader decides nobody proposes to it.
pub(crate) async fn answer(shared: &Shared, from: &NodeId, request: Propose) -> ResponseKind {
    let malformed = |text: &str| ResponseKind::Refused(Refused::new(RefusalCode::Malformed, text));
    if request.command.len() > ENTRY_BYTES_MAX {
        return malformed("the command is larger than any entry of the log");
    }
    let command = match decode_command(request.command) {
        Ok(command) => command,
        Err(error) => return malformed(&error.to_string()),
    };
    if matches!(&command, Command::Names(batch) if batch.operations.len() > OPERATIONS_MAX) {
        return malformed("the batch has more operations than any");
    }
    let about = match &command {
        Command::Join(join) => &join.node,
        Command::Leave { node, .. } => node,
        Command::Names(batch) => &batch.node,
        // Any member may say for its operator that a dead one is gone.
        Command::Remove { .. } => from,
        Command::Found(_)
        | Command::DeclareDead { .. }
        | Command::SweepNames { .. }
        | Command::RaiseWireVersion { .. } => {
            return malformed("only a leader decides this");
        }
        Command::Unknown(_) => return malformed("the command is of a later version"),
    };
    if about != from {
        return malformed("a node proposes for itself only");
    }
    match attempt_here(shared, command).await {
        Ok(outcome) => ResponseKind::Propose((&outcome).into()),
        Err(Missed::Stopped) => {
            ResponseKind::Refused(Refused::new(RefusalCode::Stopped, "the engine has stopped"))
        }
        Err(Missed::Elsewhere(leader)) => {
            ResponseKind::Refused(Refused::not_leader(leader.or_else(|| shared.leader())))
        }
    }
}
