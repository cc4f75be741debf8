//! The engine, with its settings.

use std::sync::Arc;

use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::rt::deterministic_rng::DeterministicRng;
use openraft::storage::RaftLogStorage;
use openraft::{Config, Raft, RaftMetrics, SnapshotPolicy};
use openraft_rt_tokio::TokioRuntime;

use crate::machine::Machine;
use crate::network::Peers;
use crate::options::{RaftOptions, Timings};
use crate::type_config::TypeConfig;

/// The running engine.
pub(crate) type Engine = Raft<TypeConfig, Machine>;

/// The engine's report of itself.
pub(crate) type Metrics = RaftMetrics<TypeConfig>;

/// How many entries are applied between two snapshots. Most have some 150 bytes, so a restart reads
/// a few megabytes of log; where they are larger, the compaction module has snapshots taken earlier.
const ENTRIES_BETWEEN_SNAPSHOTS: u64 = 10_000;

/// How many entries that are in a snapshot stay in the log, for followers that are a little behind.
const ENTRIES_KEPT: u64 = 1_000;

/// How far a follower may be behind before it gets a snapshot rather than entries. It is more than
/// are between two snapshots, so that a snapshot always helps.
const LAG_ENTRIES_MAX: u64 = 20_000;

/// How many entries one append carries; bytes limit it as well.
const APPEND_ENTRIES_MAX: u64 = 512;

/// How many requests and notifications wait inside the engine.
const QUEUE_MAX: u64 = 4_096;

const _: () = assert!(ENTRIES_BETWEEN_SNAPSHOTS + ENTRIES_KEPT < LAG_ENTRIES_MAX);

/// When snapshots are taken, and what they leave of the log.
#[derive(Clone, Copy, Debug)]
struct Snapshots {
    every: u64,
    kept: u64,
    lag_max: u64,
}

impl Snapshots {
    fn new(every: Option<u64>) -> Snapshots {
        match every {
            None => Snapshots {
                every: ENTRIES_BETWEEN_SNAPSHOTS,
                kept: ENTRIES_KEPT,
                lag_max: LAG_ENTRIES_MAX,
            },
            // The same proportions.
            Some(every) => Snapshots {
                every: every.max(1),
                kept: every / 10,
                lag_max: every.saturating_mul(2).max(2),
            },
        }
    }
}

/// The engine's settings for these timings.
fn config(cluster: &str, timings: &Timings, snapshots: Snapshots) -> Config {
    let millis = |duration: std::time::Duration| {
        u64::try_from(duration.as_millis())
            .unwrap_or(u64::MAX)
            .max(1)
    };
    let election_max = millis(timings.election_max);
    Config {
        cluster_name: cluster.to_owned(),
        heartbeat_interval: millis(timings.heartbeat),
        election_timeout_min: millis(timings.election_min),
        election_timeout_max: election_max,
        // A leader that hears from no quorum falls silent every other second, so that a quorum that it still reaches
        // one way can elect another. Twice the longest election is the shortest that is allowed.
        quorum_loss_probe_interval: Some(election_max.saturating_mul(2)),
        enable_pre_vote: Some(true),
        // From when on it may stand, `comeback` says.
        enable_elect: false,
        // A restarted leader has to be elected: its leases are counted in its memory.
        enable_leader_restore: Some(false),
        install_snapshot_timeout: election_max,
        max_payload_entries: APPEND_ENTRIES_MAX,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(snapshots.every),
        max_in_snapshot_log_to_keep: snapshots.kept,
        replication_lag_threshold: snapshots.lag_max,
        api_channel_size: Some(QUEUE_MAX),
        notification_channel_size: Some(QUEUE_MAX),
        // An unreachable node is tried again often: it is often one that has just come back.
        backoff: "50ms 100ms 200ms ...500ms".to_owned(),
        ..Config::default()
    }
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("the timings contradict each other: {0}")]
    Timings(#[from] openraft::ConfigError),
    #[error("{0}")]
    Fatal(#[from] openraft::errors::Fatal<TypeConfig>),
}

/// Reads log and snapshot and starts the engine's tasks on the current runtime.
pub(crate) async fn start<L>(
    raft_id: u64,
    options: &RaftOptions,
    peers: Peers,
    log: L,
    machine: Machine,
) -> Result<Engine, EngineError>
where
    L: RaftLogStorage<TypeConfig>,
{
    let snapshots = Snapshots::new(options.snapshot_every());
    let config = config(&options.cluster, &options.timings, snapshots);
    let config = Arc::new(config.validate()?);
    Ok(Engine::new(raft_id, config, peers, log, machine).await?)
}

/// Runs `future` where the engine finds its seeded random numbers. Every task that calls into the
/// engine runs inside one.
pub(crate) fn seeded<F: Future>(seed: u64, future: F) -> impl Future<Output = F::Output> {
    DeterministicRng::<TokioRuntime>::scope(seed, future)
}

/// A copy of the engine's newest report.
pub(crate) fn metrics(engine: &Engine) -> Metrics {
    engine.metrics().borrow_watched().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proposed_timings_are_valid_settings() {
        for timings in [Timings::direct(), Timings::broker()] {
            for every in [None, Some(1), Some(20)] {
                let config = config("test", &timings, Snapshots::new(every));
                assert!(config.validate().is_ok());
            }
        }
    }
}
