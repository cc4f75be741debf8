//! Calls to one peer.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::errors::{
    NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable,
};
use openraft::network::{RPCOption, RPCTypes};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory, RaftNetworkV2};
use raftwire_protocol::NodeId;
use sha2::{Digest as _, Sha256};

use super::{CARGO_BYTES_MAX, append};
use crate::control_network::{CallError, ControlNetwork};
use crate::machine::StateSnapshot;
use crate::type_config::{LogId, Seat, TypeConfig, Vote};
use crate::wire::WireError;
use crate::wire::encode_snapshot_meta;
use crate::wire::request::{Ballot, RequestKind, SnapshotChunk, Transfer};
use crate::wire::response::{ResponseKind, Transferred, Voted};

/// How often a piece of a snapshot is sent before the transfer is given up. The engine then starts
/// it again, and the receiver says from where.
const CHUNK_ATTEMPTS_MAX: u32 = 5;

/// How often the last piece is sent: its answer waits until the receiver has installed the
/// snapshot, which takes seconds if there are a million names in it.
const INSTALL_ATTEMPTS_MAX: u32 = 60;

/// How much of a snapshot is digested at once: some milliseconds.
const DIGEST_BYTES_AT_ONCE: usize = 1024 * 1024;

/// Makes a [`Peer`] for each node that the engine talks to.
#[derive(Debug)]
pub(crate) struct Peers {
    own_id: u64,
    network: Arc<dyn ControlNetwork>,
}

impl Peers {
    pub(crate) fn new(own_id: u64, network: Arc<dyn ControlNetwork>) -> Peers {
        Peers { own_id, network }
    }
}

impl RaftNetworkFactory<TypeConfig> for Peers {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, seat: &Seat) -> Peer {
        Peer {
            own_id: self.own_id,
            raft_id: target,
            node: seat.node.parse().ok(),
            network: Arc::clone(&self.network),
        }
    }
}

/// One peer: a Raft id, and the node that it belongs to.
#[derive(Debug)]
pub(crate) struct Peer {
    own_id: u64,
    raft_id: u64,
    /// None if the membership names no valid node; nothing reaches such a peer.
    node: Option<NodeId>,
    network: Arc<dyn ControlNetwork>,
}

type RpcError = RPCError<TypeConfig>;

impl Peer {
    async fn call(
        &self,
        action: RPCTypes,
        request: RequestKind,
        deadline: Duration,
    ) -> Result<ResponseKind, RpcError> {
        let Some(node) = &self.node else {
            return Err(unreachable("the membership names no valid node"));
        };
        match self
            .network
            .call(node, request.into_bytes(), deadline)
            .await
        {
            Ok(answer) => ResponseKind::from_bytes(answer).map_err(garbled),
            Err(CallError::Deadline) => Err(RPCError::Timeout(Timeout {
                action,
                id: self.own_id,
                target: self.raft_id,
                timeout: deadline,
            })),
            Err(error @ (CallError::Unreachable | CallError::Refused(_))) => {
                Err(unreachable(&error.to_string()))
            }
        }
    }

    async fn ballot(
        &self,
        make: fn(Ballot) -> RequestKind,
        request: VoteRequest<TypeConfig>,
        option: &RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let ballot = Ballot {
            to: self.raft_id,
            vote: (&request.vote).into(),
            last: request.last_log_id.as_ref().map(Into::into),
            leadership_transfer: request.leadership_transfer,
        };
        match self
            .call(RPCTypes::Vote, make(ballot), option.soft_ttl())
            .await?
        {
            ResponseKind::Vote(Voted {
                vote,
                granted,
                last,
            }) => Ok(VoteResponse::new(
                Vote::from(vote),
                last.map(LogId::from),
                granted,
            )),
            other => Err(unexpected(other)),
        }
    }

    /// Sends the pieces from where the receiver stands, until it has installed the snapshot.
    async fn send_snapshot(
        &self,
        vote: Vote,
        snapshot: StateSnapshot,
        deadline: Duration,
    ) -> Result<SnapshotResponse<TypeConfig>, RpcError> {
        let data = snapshot.snapshot;
        let meta = Bytes::from(encode_snapshot_meta(&snapshot.meta));
        let digest = digest(&data).await;
        let mut offset = 0;
        let mut attempts = 0;
        loop {
            let end = data.len().min(offset + CARGO_BYTES_MAX);
            let chunk = SnapshotChunk {
                to: self.raft_id,
                vote: (&vote).into(),
                meta: meta.clone(),
                digest: digest.clone(),
                total: data.len() as u64,
                offset: offset as u64,
                data: data.slice(offset..end),
            };
            let request = RequestKind::Snapshot(chunk);
            match self
                .call(RPCTypes::InstallSnapshot, request, deadline)
                .await
            {
                Ok(ResponseKind::Snapshot(progress)) => {
                    if let Some(done) = progress.done {
                        return Ok(SnapshotResponse::new(Vote::from(done)));
                    }
                    let received = usize::try_from(progress.received).unwrap_or(usize::MAX);
                    attempts = if received > offset { 0 } else { attempts + 1 };
                    offset = received.min(data.len());
                }
                Ok(other) => return Err(unexpected(other)),
                Err(RPCError::Timeout(_)) => attempts += 1,
                Err(error) => return Err(error),
            }
            let attempts_max = if end == data.len() {
                INSTALL_ATTEMPTS_MAX
            } else {
                CHUNK_ATTEMPTS_MAX
            };
            if attempts >= attempts_max {
                return Err(unreachable("the snapshot makes no progress"));
            }
        }
    }
}

impl RaftNetworkV2<TypeConfig> for Peer {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RpcError> {
        let (append, cut) = append::to_call(self.raft_id, &request);
        let request = RequestKind::Append(append);
        match self
            .call(RPCTypes::AppendEntries, request, option.soft_ttl())
            .await?
        {
            ResponseKind::Append(answer) => append::from_answer(answer, cut).map_err(garbled),
            other => Err(unexpected(other)),
        }
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        self.ballot(RequestKind::Vote, request, &option).await
    }

    // The engine's default grants every pre-vote without asking anybody.
    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        self.ballot(RequestKind::PreVote, request, &option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: StateSnapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = self.send_snapshot(vote, snapshot, option.soft_ttl()) => Ok(sent?),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RpcError> {
        let transfer = Transfer {
            to: self.raft_id,
            leader: request.from_leader().into(),
            successor: *request.to_node_id(),
            last: request.last_log_id().map(Into::into),
        };
        let call = RequestKind::Transfer(transfer);
        match self
            .call(RPCTypes::TransferLeader, call, option.soft_ttl())
            .await?
        {
            ResponseKind::Transfer(Transferred { accepted: true, .. }) => Ok(Ok(())),
            // Why makes no difference to the engine: it logs it.
            ResponseKind::Transfer(Transferred { reason, .. }) => Err(unreachable(&reason)),
            other => Err(unexpected(other)),
        }
    }
}

/// The digest of a snapshot. Others come in between: a large one takes a tenth of a second.
async fn digest(data: &[u8]) -> Bytes {
    let mut hasher = Sha256::new();
    for part in data.chunks(DIGEST_BYTES_AT_ONCE) {
        hasher.update(part);
        tokio::task::yield_now().await;
    }
    Bytes::from(hasher.finalize().to_vec())
}

fn unreachable(reason: &str) -> RpcError {
    RPCError::Unreachable(Unreachable::from_string(reason))
}

fn garbled(error: WireError) -> RpcError {
    RPCError::Network(NetworkError::new(&error))
}

/// An answer that is none: a refusal, mostly. The peer cannot be talked to for now.
fn unexpected(answer: ResponseKind) -> RpcError {
    match answer {
        ResponseKind::Refused(refused) => unreachable(&refused.text),
        _ => unreachable("an answer to another question"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use openraft::Snapshot;

    use super::*;
    use crate::network::assembly::{Assembly, Progress};
    use crate::type_config::SnapshotMeta;
    use crate::wire::response::SnapshotProgress;

    /// Puts a snapshot together; every third answer is lost, and every seventh call.
    #[derive(Debug, Default)]
    struct Receiver {
        calls: AtomicU32,
        assembly: Mutex<Assembly>,
        received: Mutex<Option<Bytes>>,
    }

    #[async_trait]
    impl ControlNetwork for Receiver {
        async fn call(&self, _: &NodeId, request: Bytes, _: Duration) -> Result<Bytes, CallError> {
            assert!(request.len() <= crate::CALL_BYTES_MAX);
            let calls = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
            if calls.is_multiple_of(7) {
                return Err(CallError::Deadline);
            }
            let Ok(RequestKind::Snapshot(chunk)) = RequestKind::from_bytes(request) else {
                return Err(CallError::Refused("not a piece".to_owned()));
            };
            let progress = self
                .assembly
                .lock()
                .expect("no panic")
                .take(&chunk)
                .expect("sound");
            let progress = match progress {
                Progress::Received(received) => SnapshotProgress {
                    received,
                    done: None,
                },
                Progress::Installed => SnapshotProgress {
                    received: chunk.total,
                    done: Some(chunk.vote),
                },
                Progress::Complete { data } => {
                    let received = data.len() as u64;
                    *self.received.lock().expect("no panic") = Some(data);
                    SnapshotProgress {
                        received,
                        done: Some(chunk.vote),
                    }
                }
            };
            if calls.is_multiple_of(3) && progress.done.is_none() {
                return Err(CallError::Deadline);
            }
            Ok(ResponseKind::Snapshot(progress).into_bytes())
        }
    }

    fn peer(network: &Arc<Receiver>) -> Peer {
        Peer {
            own_id: 1,
            raft_id: 2,
            node: "b".parse().ok(),
            network: Arc::clone(network) as Arc<dyn ControlNetwork>,
        }
    }

    fn snapshot(bytes: usize) -> StateSnapshot {
        let data: Vec<u8> = (0..bytes)
            .map(|at| u8::try_from(at % 251).expect("small"))
            .collect();
        Snapshot {
            meta: SnapshotMeta::default(),
            snapshot: data.into(),
        }
    }

    #[tokio::test]
    async fn a_large_snapshot_arrives_in_pieces_though_some_are_lost() {
        let network = Arc::new(Receiver::default());
        let (vote, sent) = (Vote::new_committed(3, 1), snapshot(1_000_000));

        let answer = peer(&network)
            .send_snapshot(vote, sent.clone(), Duration::from_secs(1))
            .await;

        assert_eq!(answer.map(|answer| answer.vote), Ok(vote));
        assert_eq!(
            *network.received.lock().expect("no panic"),
            Some(sent.snapshot)
        );
    }

    #[tokio::test]
    async fn a_transfer_goes_on_where_another_broke_off() {
        let network = Arc::new(Receiver::default());
        let sent = snapshot(480 * 1024);
        let begun = SnapshotChunk {
            to: 2,
            vote: (&Vote::new_committed(2, 9)).into(),
            meta: encode_snapshot_meta(&sent.meta).into(),
            digest: Sha256::digest(&sent.snapshot).to_vec().into(),
            total: sent.snapshot.len() as u64,
            offset: 0,
            data: sent.snapshot.slice(..470 * 1024),
        };
        network
            .assembly
            .lock()
            .expect("no panic")
            .take(&begun)
            .expect("sound");

        let vote = Vote::new_committed(3, 1);
        let answer = peer(&network)
            .send_snapshot(vote, sent, Duration::from_secs(1))
            .await;

        assert!(answer.is_ok());
        assert_eq!(
            network.calls.load(Ordering::Relaxed),
            2,
            "one to learn, one for the rest"
        );
    }
}
