//! What the application says to its clients: their id, then what others send them.

use axum::Error;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use raftwire::{ClusterRouter, ConnectionId, Frame, Outbox, OutboxClosed};

/// Serves one client until it goes, or the cluster ends its connection. Dropping the outbox
/// unregisters it.
pub(crate) async fn converse(
    mut socket: WebSocket,
    connection: ConnectionId,
    mut outbox: Outbox,
    router: ClusterRouter,
) {
    let welcome = Message::text(format!("you are {connection}"));
    let mut ended = socket.send(welcome).await;
    let mut batch = Vec::new();
    while ended.is_ok() {
        ended = tokio::select! {
            biased;
            waited = outbox.next_batch(&mut batch) => deliver(&mut socket, &mut batch, waited).await,
            received = socket.recv() => match received {
                Some(Ok(Message::Text(text))) => {
                    socket.send(Message::text(route(&router, text.as_str()).await)).await
                }
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => Err(error),
                None => return,
            },
        };
    }
}

async fn deliver(
    socket: &mut WebSocket,
    batch: &mut Vec<Frame>,
    waited: Result<(), OutboxClosed>,
) -> Result<(), Error> {
    for frame in batch.drain(..) {
        socket
            .send(match frame.as_text() {
                Some(text) => Message::text(text),
                None => Message::binary(frame.into_payload()),
            })
            .await?;
    }
    match waited {
        Ok(()) => Ok(()),
        Err(closed) => {
            let close = CloseFrame {
                code: closed.code.code(),
                reason: closed.code.reason().into(),
            };
            socket.send(Message::Close(Some(close))).await
        }
    }
}

/// A client writes whom to tell what: an id, a blank, a text.
async fn route(router: &ClusterRouter, request: &str) -> String {
    let Some((to, text)) = request.split_once(' ') else {
        return "write an id, a blank and a text".to_owned();
    };
    match to.parse::<ConnectionId>() {
        Ok(to) => router.route(&to, text).await.to_string(),
        Err(error) => error.to_string(),
    }
}
