//! Runs one node until it is told to stop.

mod error;
mod logging;
mod open_files;
mod stop;
mod transports;

use std::sync::Arc;

use raftwire::{ClusterManager, Lane};
use raftwire_environment::{Environment, TcpListener};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

pub use error::ServeError;
pub use logging::start_logging;
pub use open_files::room_for_clients;
pub use stop::told_to_stop;

use crate::authentication::{self, Authenticator};
use crate::config::ServerOptions;
use crate::http::Access;
use crate::listener;
use crate::metrics::HookCounters;
use crate::node::Node;
use crate::tls::{PortTls, keep_current};
use transports::Transports;

/// Runs a node until `stop` ends, then ends it gracefully: no further client is accepted, those
/// that are connected are closed with 1001, and the cluster is told.
///
/// # Errors
/// See [`ServeError`]: the node did not start. Once it runs, it ends without an error.
pub async fn serve(
    options: ServerOptions,
    environment: Environment,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let hook = Arc::default();
    let authenticator = authentication::configured(&options.client, &environment, &hook)?;
    run(options, environment, (authenticator, hook), stop).await
}

/// The same with the application's own word of who a client is, in place of the configuration's.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve_with(
    options: ServerOptions,
    environment: Environment,
    authenticator: Arc<dyn Authenticator>,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    run(options, environment, (authenticator, Arc::default()), stop).await
}

async fn run(
    options: ServerOptions,
    environment: Environment,
    authentication: (Arc<dyn Authenticator>, Arc<HookCounters>),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    options.require_secret_or_loopback()?;
    options.check_conflicts()?;
    options.check_tls()?;
    // First of all, so that a port that is taken is said before anything is written.
    let listener = bind(&options, &environment).await?;
    let tls = read_certificates(&options, &environment).await?;
    let transports = Transports::new(&options, tls.as_ref())?;
    let manager =
        ClusterManager::start(options.cluster.clone(), environment.clone(), &transports).await?;
    let node = Arc::new(Node::new(
        environment,
        options,
        manager,
        transports.acceptor(),
        authentication,
        tls,
    ));
    announce(&node, &listener);

    let tracker = TaskTracker::new();
    let accepting = listener::accept_all(listener, Arc::clone(&node), tracker.clone());
    let accepting = node.environment.spawn("accept", accepting);
    let announcing = node
        .environment
        .spawn("announce", announce_ready(node.manager.clone()));
    let renewing = node.tls.clone().map(|tls| {
        let renewing = keep_current(tls, node.environment.clone());
        node.environment.spawn("certificates", renewing)
    });
    stop.await;

    info!("stopping: clients are sent to other nodes");
    announcing.abort();
    if let Some(renewing) = renewing {
        renewing.abort();
    }
    node.stopping.cancel();
    let stopping = async {
        drop(accepting.await);
        node.manager.stop().await;
        tracker.close();
        tracker.wait().await;
    };
    let deadline = node.options.shutdown_deadline;
    match tokio::time::timeout(deadline, stopping).await {
        Ok(()) => info!("stopped"),
        Err(_) => warn!(
            ?deadline,
            "stopped before everything had ended: the deadline passed"
        ),
    }
    Ok(())
}

async fn read_certificates(
    options: &ServerOptions,
    environment: &Environment,
) -> Result<Option<PortTls>, ServeError> {
    let (options, its_environment) = (options.tls.clone(), environment.clone());
    let reading = environment.executor("certificates");
    let read = reading.spawn("certificates", async move {
        PortTls::load(&options, &its_environment)
    });
    Ok(read.await??)
}

async fn bind(
    options: &ServerOptions,
    environment: &Environment,
) -> Result<TcpListener, ServeError> {
    let (host, port) = (options.listen_host(), options.cluster.node_port);
    environment
        .bind(host, port)
        .await
        .map_err(|source| ServeError::Listen {
            address: format!("{host}:{port}"),
            source,
        })
}

fn announce(node: &Node, listener: &TcpListener) {
    let options = &node.options;
    let address = match listener.local_addr() {
        Ok(address) => address.to_string(),
        Err(_) => format!("{}:{}", options.listen_host(), options.cluster.node_port),
    };
    info!(
        node = %node.manager.node_id(),
        %address,
        clients = options.client.path,
        channel = options.cluster.channel_name,
        tls = node.tls.is_some(),
        "listening"
    );
    announce_timings(options);
    if options.cluster.secret.is_none() {
        info!("no secret is set: every address is loopback, so other machines are kept out");
    }
    if node.access == Access::Nobody {
        info!("the HTTP API is closed: set http.token to open it");
    }
    if !options.client.allow_send {
        info!("clients may not send: client.allow_send is false");
    }
    if options.client.identity_in_query && options.client.authentication_url.is_none() {
        warn!("every client is believed who it says it is: client.identity_in_query is true");
    }
}

/// What carries the cluster, and how long elections and leases take because of it.
fn announce_timings(options: &ServerOptions) {
    let timings = options.cluster.timings;
    let [control, data] = Lane::ALL.map(|lane| options.cluster.transport_of(lane));
    let redis = options.redis_connection_string.as_ref();
    let redis = redis.filter(|_| options.rides_on("redis"));
    let rabbitmq = options.rabbitmq_connection_string.as_ref();
    let rabbitmq = rabbitmq.filter(|_| options.rides_on("rabbitmq"));
    info!(
        control,
        data,
        redis = redis.map(ToString::to_string),
        rabbitmq = rabbitmq.map(ToString::to_string),
        heartbeat = ?timings.heartbeat,
        election = ?(timings.election_min..=timings.election_max),
        lease = ?timings.lease,
        "timings between nodes: those for {control}, which carries the control lane"
    );
}

async fn announce_ready(manager: ClusterManager) {
    manager.ready().await;
    let leader = manager.leader().map(|leader| leader.to_string());
    info!(leader = leader.as_deref(), term = manager.term(), "ready");
}
