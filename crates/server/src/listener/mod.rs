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
use connection::Accepted;

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
                let accepted = Accepted {
                    stream,
                    address,
                    place,
                    tracker: tracker.clone(),
                };
                let serving = connection::serve(accepted, Arc::clone(&node));
                let serving = tracker.track_future(serving);
                drop(node.environment.spawn("connection", serving));
            }
            Err(error) => {
                debug!(%error, "a socket was not accepted");
                shortage.of_descriptors(&error);
                tokio::time::sleep(shortage::PAUSE).await;
            }
        }
    }
}
