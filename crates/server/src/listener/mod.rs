//! The one port: accepts sockets, as many as may be held, and gives each its task.

mod connection;
mod peer;
mod places;
mod shortage;

use std::sync::Arc;

use raftwire_environment::TcpListener;
use tokio_util::task::TaskTracker;
use tracing::debug;

pub(crate) use peer::Peer;
pub(crate) use places::{OTHER_SOCKETS_MAX, Places};
use shortage::Shortage;

use crate::node::Node;

/// Accepts until the node stops. The tasks of the connections are `tracker`'s.
pub(crate) async fn accept_all(listener: TcpListener, node: Arc<Node>, tracker: TaskTracker) {
    let mut shortage = Shortage::default();
    loop {
        let next = async {
            let place = node.places.socket().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            biased;
            () = node.stopping.cancelled() => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, address)) => {
                shortage.over();
                let serving = connection::serve(stream, address, Arc::clone(&node));
                let task = tracker.track_future(async move {
                    serving.await;
                    drop(place);
                });
                drop(node.environment.spawn("connection", task));
            }
            Err(error) => {
                debug!(%error, "a socket was not accepted");
                shortage.of_descriptors(&error);
                tokio::time::sleep(shortage::PAUSE).await;
            }
        }
    }
}
