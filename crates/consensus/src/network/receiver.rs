//! The engine's calls, as they arrive from peers.

use openraft::Raft;
use openraft::errors::{Fatal, RaftError};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, VoteRequest, VoteResponse,
};

use super::append;
use super::assembly::{Assembly, Progress};
use crate::engine::metrics;
use crate::machine::{Machine, StateSnapshot};
use crate::type_config::{LogId, TypeConfig, Vote};
use crate::wire::decode_snapshot_meta;
use crate::wire::request::{Append, Ballot, RequestKind, SnapshotChunk, Transfer};
use crate::wire::response::{
    RefusalCode, Refused, ResponseKind, SnapshotProgress, Transferred, Voted,
};

type Engine = Raft<TypeConfig, Machine>;

/// Answers an engine's call; gives any other request back.
pub(crate) async fn receive(
    engine: &Engine,
    own_id: u64,
    assembly: &tokio::sync::Mutex<Assembly>,
    request: RequestKind,
) -> Result<ResponseKind, RequestKind> {
    let to = match &request {
        RequestKind::Append(Append { to, .. })
        | RequestKind::Vote(Ballot { to, .. })
        | RequestKind::PreVote(Ballot { to, .. })
        | RequestKind::Snapshot(SnapshotChunk { to, .. })
        | RequestKind::Transfer(Transfer { to, .. }) => *to,
        RequestKind::Propose(_)
        | RequestKind::Greet(_)
        | RequestKind::Renew(_)
        | RequestKind::Index(_)
        | RequestKind::Feed(_)
        | RequestKind::Lookup(_) => return Err(request),
    };
    if to != own_id {
        let text = format!("the call is for Raft id {to}, this is {own_id}");
        return Ok(refused(RefusalCode::OtherRaftId, text));
    }
    let answer = match request {
        RequestKind::Append(call) => append_entries(engine, &call).await,
        RequestKind::Vote(ballot) => engine
            .vote(vote_request(ballot))
            .await
            .map(voted)
            .map_err(stopped),
        RequestKind::PreVote(ballot) => engine
            .pre_vote(vote_request(ballot))
            .await
            .map(voted)
            .map_err(stopped),
        RequestKind::Snapshot(chunk) => snapshot(engine, assembly, &chunk).await,
        RequestKind::Transfer(call) => transfer(engine, call).await,
        other => return Err(other),
    };
    Ok(answer.unwrap_or_else(|refusal| refusal))
}

async fn append_entries(engine: &Engine, call: &Append) -> Result<ResponseKind, ResponseKind> {
    let request = append::from_call(call).map_err(malformed)?;
    let response = engine.append_entries(request).await.map_err(stopped)?;
    Ok(ResponseKind::Append(append::to_answer(&response)))
}

async fn snapshot(
    engine: &Engine,
    assembly: &tokio::sync::Mutex<Assembly>,
    chunk: &SnapshotChunk,
) -> Result<ResponseKind, ResponseKind> {
    // Held until it is installed: a piece that comes again meanwhile waits for that.
    let mut assembly = assembly.lock().await;
    // The engine judges whole snapshots. A piece of a deposed leader would take the place of what the present one
    // has sent already.
    let known = metrics(engine).vote;
    if known > Vote::from(chunk.vote) {
        return Ok(ResponseKind::Snapshot(SnapshotProgress {
            received: 0,
            done: Some((&known).into()),
        }));
    }
    let received = |received| SnapshotProgress {
        received,
        done: None,
    };
    let done = |vote: Vote| SnapshotProgress {
        received: chunk.total,
        done: Some((&vote).into()),
    };
    let meta = decode_snapshot_meta(&chunk.meta).map_err(malformed)?;
    let last = meta.last_log_id;
    let progress = match assembly.take(chunk).map_err(malformed)? {
        Progress::Received(count) => received(count),
        Progress::Installed => match from_own_log(engine, chunk, last).await? {
            Some(vote) => done(vote),
            None => {
                assembly.forget_installed();
                received(0)
            }
        },
        Progress::Complete { data } => {
            let vote = match from_own_log(engine, chunk, last).await? {
                Some(vote) => vote,
                None => {
                    let snapshot = StateSnapshot {
                        meta,
                        snapshot: data,
                    };
                    let installed = engine.install_full_snapshot(chunk.vote.into(), snapshot);
                    let fatal = |fatal: Fatal<_>| refused(RefusalCode::Stopped, fatal.to_string());
                    installed.await.map_err(fatal)?.vote
                }
            };
            assembly.installed(chunk);
            done(vote)
        }
    };
    Ok(ResponseKind::Snapshot(progress))
}

/// The answer to a snapshot whose last entry this node's log holds: the vote, and nothing is
/// installed. It is the vote of now, so that whoever sends a snapshot again hears of a later leader.
///
/// A leader that heard no answers sends a snapshot of what its follower has long written, and the
/// engine (openraft 0.10.0-alpha.37) sets its record of submitted entries back to the snapshot's
/// last one when it installs that, which a debug build refuses. An append of nothing after that
/// entry says the same to such a node: all up to it is committed.
async fn from_own_log(
    engine: &Engine,
    chunk: &SnapshotChunk,
    last: Option<LogId>,
) -> Result<Option<Vote>, ResponseKind> {
    let vote = Vote::from(chunk.vote);
    let request = AppendEntriesRequest {
        vote,
        prev_log_id: last,
        entries: Vec::new(),
        leader_commit: last,
    };
    match engine.append_entries(request).await.map_err(stopped)? {
        AppendEntriesResponse::Success | AppendEntriesResponse::PartialSuccess(_) => Ok(Some(vote)),
        AppendEntriesResponse::HigherVote(higher) => Ok(Some(higher)),
        AppendEntriesResponse::Conflict => Ok(None),
    }
}

async fn transfer(engine: &Engine, call: Transfer) -> Result<ResponseKind, ResponseKind> {
    let request = TransferLeaderRequest::new(
        Vote::from(call.leader),
        call.successor,
        call.last.map(LogId::from),
    );
    let response = engine
        .handle_transfer_leader(request)
        .await
        .map_err(|fatal| refused(RefusalCode::Stopped, fatal.to_string()))?;
    let transferred = match response {
        Ok(()) => Transferred {
            accepted: true,
            reason: String::new(),
        },
        Err(error) => Transferred {
            accepted: false,
            reason: error.to_string(),
        },
    };
    Ok(ResponseKind::Transfer(transferred))
}

fn vote_request(ballot: Ballot) -> VoteRequest<TypeConfig> {
    let mut request = VoteRequest::new(Vote::from(ballot.vote), ballot.last.map(LogId::from));
    request.leadership_transfer = ballot.leadership_transfer;
    request
}

fn voted(response: VoteResponse<TypeConfig>) -> ResponseKind {
    ResponseKind::Vote(Voted {
        vote: (&response.vote).into(),
        granted: response.vote_granted,
        last: response.last_log_id.as_ref().map(Into::into),
    })
}

fn refused(code: RefusalCode, text: impl Into<String>) -> ResponseKind {
    ResponseKind::Refused(Refused::new(code, text))
}

fn malformed(error: impl std::error::Error) -> ResponseKind {
    refused(RefusalCode::Malformed, error.to_string())
}

fn stopped(error: RaftError<TypeConfig>) -> ResponseKind {
    refused(RefusalCode::Stopped, error.to_string())
}
