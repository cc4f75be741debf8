//! An application that owns its sockets: plain TCP, a line is a message.
//! Run it with `cargo run -p raftwire --example custom_provider`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftwire::{
    CloseCode, ClusterManager, ClusterOptions, ConnectionId, ConnectionInfo, ConnectionProvider,
    Environment, Frame, RouteOutcome, Undeliverable,
};
use raftwire_transport::memory::MemoryNetwork;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc::{self, error::TrySendError};

/// Lines that may wait for one client before it is too slow.
const WAITING_LINES_MAX: usize = 64;

/// The queues to the application's own sockets.
#[derive(Debug, Default)]
struct Sockets(Mutex<BTreeMap<ConnectionId, mpsc::Sender<Frame>>>);

impl Sockets {
    fn queues(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, mpsc::Sender<Frame>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionProvider for Sockets {
    fn send(&self, connection: &ConnectionId, frame: Frame) -> Result<(), Undeliverable> {
        let queues = self.queues();
        let queue = queues.get(connection).ok_or(Undeliverable::NotFound)?;
        queue.try_send(frame).map_err(|error| match error {
            TrySendError::Full(_) => Undeliverable::SlowConsumer,
            TrySendError::Closed(_) => Undeliverable::NotFound,
        })
    }

    fn close(&self, connection: &ConnectionId, _: CloseCode) {
        // The task of the socket ends with its queue.
        self.queues().remove(connection);
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let (environment, sockets) = (Environment::real(), Arc::new(Sockets::default()));
    let options = ClusterOptions {
        ephemeral: true,
        ..ClusterOptions::default()
    };
    let (env, provider, network) = (environment.clone(), sockets.clone(), MemoryNetwork::new(1));
    let node = ClusterManager::start_with_provider(options, env, &network, provider).await?;
    node.ready().await;

    // The application's own server: it accepts, registers, and writes what its queue holds.
    let listener = environment.bind("127.0.0.1", 0).await?;
    let port = listener.local_addr()?.port();
    let mut heard = BufReader::new(environment.connect("127.0.0.1", port).await?).lines();
    let (mut socket, remote) = listener.accept().await?;
    let (queue, mut lines) = mpsc::channel::<Frame>(WAITING_LINES_MAX);
    let alice = node.register_connection("/lines", ConnectionInfo::from_remote(remote))?;
    sockets.queues().insert(alice.clone(), queue);
    let writing = environment.spawn("socket", async move {
        while let Some(line) = lines.recv().await {
            socket.write_all(line.payload()).await?;
        }
        socket.shutdown().await
    });

    let outcome = node.router().route(&alice, "hello\n").await;
    assert_eq!(outcome, RouteOutcome::Delivered);
    assert_eq!(heard.next_line().await?.as_deref(), Some("hello"));

    node.unregister_connection(&alice, CloseCode::NORMAL);
    assert_eq!(heard.next_line().await?, None);
    node.stop().await;
    Ok(writing.await??)
}
