use std::future::poll_fn;

use crate::BenchError;
use crate::connection::{Connection, Lost};
use crate::dialect::Welcome;
use crate::opening::Door;

/// Opens a client of a node, and reads its welcome.
pub(crate) async fn welcomed(door: &Door) -> Result<(Connection, Welcome), BenchError> {
    welcomed_as(door, None).await
}

/// The same for a client that asks to be called so.
pub(crate) async fn welcomed_as(
    door: &Door,
    name: Option<&str>,
) -> Result<(Connection, Welcome), BenchError> {
    let opening = door.open_as(name).await;
    let (mut connection, rest) = opening.map_err(BenchError::failed)?;
    let mut welcome = None;
    let taken = connection.take(&rest, |seen| welcome = Some(seen.beginning.to_vec()));
    taken.map_err(BenchError::failed)?;
    let welcome = match welcome {
        Some(welcome) => welcome,
        None => next_message(&mut connection)
            .await
            .map_err(BenchError::failed)?,
    };
    let read = serde_json::from_slice(&welcome);
    let welcome =
        read.map_err(|error| BenchError::failed(format!("the server's welcome: {error}")))?;
    Ok((connection, welcome))
}

/// Fails where the client may not send.
pub(crate) fn may_send(welcome: &Welcome) -> Result<(), BenchError> {
    if welcome.may_send {
        return Ok(());
    }
    Err(BenchError::failed(
        "clients may not send here: set client.allow_send (--client-allow-send)",
    ))
}

/// Waits for a message, before anything is measured; the beginning of it.
pub(crate) async fn next_message(connection: &mut Connection) -> Result<Vec<u8>, Lost> {
    let mut message = None;
    let mut buffer = [0; 1024];
    loop {
        let reading = poll_fn(|context| {
            connection.poll_read(context, &mut buffer, |seen| {
                message.get_or_insert_with(|| seen.beginning.to_vec());
            })
        });
        reading.await?;
        if let Some(message) = message {
            return Ok(message);
        }
    }
}
