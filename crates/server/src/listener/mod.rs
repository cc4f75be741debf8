//! The one port: accepts sockets, as many as may be held, and gives each its task.

mod connection;
mod peer;
mod shortage;

use std::sync::Arc;

use raftwire_environment::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::debug;

pub(crate) use peer::Peer;
use shortage::Shortage;

use crate::node::Node;

/// Accepts until the node stops. The tasks of the connections are `tracker`'s.
pub(crate) async fn accept_all(listener: TcpListener, node: Arc<Node>, tracker: TaskTracker) {
    let places = Arc::new(Semaphore::new(node.options.http.connections_max));
    let mut shortage = Shortage::default();
    loop {
        let next = async {
            // A place first: sockets beyond the limit wait in the system's queue.
            let place = match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => Ok(place),
                Err(_) => {
                    shortage.of_places(node.options.http.connections_max);
                    Arc::clone(&places).acquire_owned().await
                }
            };
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            biased;
            () = node.stopping.cancelled() => return,
            next = next => next,
        };
        match (accepted, place) {
            (Ok((stream, address)), Ok(place)) => {
                shortage.over();
                let serving = connection::serve(stream, address, Arc::clone(&node));
                let task = tracker.track_future(async move {
                    serving.await;
                    drop(place);
                });
                drop(node.environment.spawn("connection", task));
            }
            (Err(error), _) => {
                debug!(%error, "a socket was not accepted");
                shortage.of_descriptors(&error);
                tokio::time::sleep(shortage::PAUSE).await;
            }
            // Nobody closes the semaphore.
            (Ok(_), Err(_)) => return,
        }
    }
}
