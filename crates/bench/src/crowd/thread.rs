//! One thread of a crowd: it opens its connections, and holds them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::mpsc;

use futures_util::{StreamExt as _, stream};
use raftwire_websocket::MessageKind;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use super::part::Part;
use super::{Crowd, Opened, Said, ServerKind};
use crate::BenchError;
use crate::connection::{Connection, Lost};
use crate::dialect::SUBPROTOCOL;
use crate::doors::Doors;
use crate::machine::{Nanos, cpu_of_this_thread};
use crate::opening::Door;
use crate::welcome::{next_message, welcomed_as};

/// Bytes read from a socket at once, into one buffer of the thread: pings and little else.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// What an echo server is asked to return.
const ECHO_BYTES: usize = 64;

/// Opens the thread's part, and holds it until it is released.
pub(super) fn open_and_hold(
    part: &Part,
    said: &mpsc::Sender<Said>,
    released: oneshot::Receiver<()>,
) {
    // Whoever asked has given up: nobody to tell.
    let say = |word: Said| drop(said.send(word));
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(part, &say, released)),
        Err(error) => Err(BenchError::Machine(error)),
    };
    say(done.map_or_else(Said::Failed, Said::Released));
}

/// Those that ended before they were released, by why.
async fn run(
    part: &Part,
    say: &dyn Fn(Said),
    released: oneshot::Receiver<()>,
) -> Result<BTreeMap<String, u64>, BenchError> {
    let before = cpu_of_this_thread();
    let share = &part.crowd;
    let protocol = (share.kind == ServerKind::Node).then_some(SUBPROTOCOL);
    let trust = share.trust.as_ref();
    let doors = Doors::drawn(&share.servers, protocol, trust, share.connections)?;
    let lost = Rc::new(RefCell::new(BTreeMap::new()));
    let buffer = Rc::new(RefCell::new(vec![0; READ_BUFFER_BYTES].into_boxed_slice()));
    let mut opened = Opened::default();
    let doors = &doors;
    let opening = (0..share.connections).map(|number| async move {
        let since = Nanos::now();
        let all = part.first + number;
        let mut connection = enter(doors.door(number, all), share, all).await?;
        let took = Nanos::now().since(since);
        if part.speaks {
            speak(&mut connection, share.kind).await?;
        }
        Ok::<_, BenchError>((connection, took))
    });
    let mut opening = stream::iter(opening).buffer_unordered(share.at_once);
    while let Some(one) = opening.next().await {
        match one {
            Ok((connection, took)) => {
                opened.times.record(took);
                spawn_local(hold(connection, buffer.clone(), lost.clone()));
            }
            Err(error) => *opened.failed.entry(error.to_string()).or_default() += 1,
        }
        say(Said::Tried(1));
    }
    drop(opening);
    opened.took = Nanos::now().since(part.begin);
    opened.threads = 1;
    opened.cpu = cpu_of_this_thread().since(before);
    opened.busiest = opened.cpu;
    say(Said::Opened(Box::new(opened)));
    // Dropped: whoever waited has given up.
    let _ = released.await;
    Ok(lost.take())
}

/// Opens the connection with this number among all.
async fn enter(door: &Door, crowd: &Crowd, number: usize) -> Result<Connection, BenchError> {
    match crowd.kind {
        ServerKind::Node => {
            let name = crowd.name_of(number);
            let (connection, welcome) = welcomed_as(door, name.as_deref()).await?;
            if welcome.name == name {
                return Ok(connection);
            }
            Err(BenchError::failed(
                "the node does not believe a client its name: set client.identity_in_query (--client-identity-in-query)",
            ))
        }
        ServerKind::Echo => {
            let (mut connection, _) = door.open().await.map_err(BenchError::failed)?;
            if door.is_bare() {
                // In place of a handshake, without which the kernel opens it on its own.
                speak(&mut connection, crowd.kind).await?;
            }
            Ok(connection)
        }
    }
}

/// Says something and hears the answer, so that the server has what it needs for a connection that is used.
async fn speak(connection: &mut Connection, kind: ServerKind) -> Result<(), BenchError> {
    let echo = [b'x'; ECHO_BYTES];
    let (message_kind, message, answer): (_, &[u8], &[u8]) = match kind {
        ServerKind::Node => (
            MessageKind::Text,
            b"{\"type\":\"ping\"}",
            b"{\"type\":\"pong\"",
        ),
        ServerKind::Echo => (MessageKind::Binary, &echo, &echo),
    };
    connection.write(message_kind, message);
    let flushing = poll_fn(|context| connection.poll_flush(context));
    flushing.await.map_err(BenchError::failed)?;
    let heard = next_message(connection).await.map_err(BenchError::failed)?;
    if heard.starts_with(answer) {
        return Ok(());
    }
    let heard = String::from_utf8_lossy(&heard).into_owned();
    Err(BenchError::Failed(format!(
        "the server answered a first message with {heard:?}"
    )))
}

/// Answers pings until the connection ends.
async fn hold(
    mut connection: Connection,
    buffer: Rc<RefCell<Box<[u8]>>>,
    lost: Rc<RefCell<BTreeMap<String, u64>>>,
) {
    let why: Lost = poll_fn(|context| {
        loop {
            if let std::task::Poll::Ready(Err(why)) = connection.poll_flush(context) {
                return std::task::Poll::Ready(why);
            }
            let read = connection.poll_read(context, &mut buffer.borrow_mut(), |_| {});
            if let Err(why) = std::task::ready!(read) {
                return std::task::Poll::Ready(why);
            }
        }
    })
    .await;
    *lost.borrow_mut().entry(why.to_string()).or_default() += 1;
}
