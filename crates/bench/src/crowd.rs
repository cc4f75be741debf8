//! Many connections, opened as fast as the server takes them and then held.

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

use crate::conductor::{LAST_WORD_MAX, PROGRESS_EVERY};
use crate::connection::{Connection, Lost};
use crate::dialect::SUBPROTOCOL;
use crate::distribution::Distribution;
use crate::doors::Doors;
use crate::machine::{CpuTime, Nanos, cores, cpu_of_this_thread, open_files_max, spawn_thread};
use crate::opening::Door;
use crate::welcome::{next_message, welcomed};
use crate::{Address, BenchError, Progress, Trust};

/// Bytes read from a socket at once, into one buffer of the thread: pings and little else.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// What an echo server is asked to return.
const ECHO_BYTES: usize = 64;

/// Who is connected to, and by how many.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// The servers, which are connected to in turn.
    pub servers: Vec<Address>,
    /// What they are.
    pub kind: ServerKind,
    /// Whose certificates servers may have that are asked with TLS.
    pub trust: Option<Trust>,
    /// How many connections.
    pub connections: usize,
    /// How many may be on their way at a time.
    pub at_once: usize,
    /// Threads of the generator; `None`: half of the cores.
    pub threads: Option<usize>,
}

/// What a crowd connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerKind {
    /// A node of Raftwire: a connection is open when it is welcomed.
    Node,
    /// Any server that returns each message: no subprotocol is offered, and a connection is open when its
    /// handshake is answered.
    Echo,
}

/// What the opening of a crowd was like.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// How long each that opened took.
    pub(crate) times: Distribution,
    /// Those that did not, by why.
    pub(crate) failed: BTreeMap<String, u64>,
    /// Until the last one was open, or had failed.
    pub(crate) took: u64,
    pub(crate) threads: usize,
    /// The generator's own.
    pub(crate) cpu: CpuTime,
    /// Of its busiest thread.
    pub(crate) busiest: CpuTime,
}

/// Connections that are open. They end when it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    releases: Vec<oneshot::Sender<()>>,
    hears: mpsc::Receiver<Said>,
}

#[derive(Debug)]
enum Said {
    /// One more is open, or has failed.
    Tried,
    /// All of the thread's are.
    Opened(Box<Opened>),
    /// Released: those that had ended before, by why.
    Released(BTreeMap<String, u64>),
    Failed(BenchError),
}

impl Crowd {
    /// Opens all, each of which says something if it `speaks`, and returns when the last one is open.
    pub(crate) fn open(
        &self,
        speaks: bool,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<(Opened, Held), BenchError> {
        let threads = self
            .threads
            .unwrap_or(cores() / 2)
            .clamp(1, self.connections);
        let (said, hears) = mpsc::channel();
        let mut releases = Vec::new();
        let begin = Nanos::now();
        for thread in 0..threads {
            let part = |of: usize| of * (thread + 1) / threads - of * thread / threads;
            let share = Crowd {
                connections: part(self.connections),
                at_once: part(self.at_once).max(1),
                ..self.clone()
            };
            let (release, released) = oneshot::channel();
            let said = said.clone();
            let body = move || in_thread(&share, speaks, begin, &said, released);
            spawn_thread("bench", body).map_err(BenchError::Machine)?;
            releases.push(release);
        }
        let mut opened = Opened {
            threads,
            ..Opened::default()
        };
        let (mut tried, mut ready) = (0, 0);
        let mut told = Nanos::default();
        while ready < threads {
            match hears.recv() {
                Ok(Said::Tried) => tried += 1,
                Ok(Said::Opened(one)) => {
                    opened.merge(*one);
                    ready += 1;
                }
                Ok(Said::Failed(error)) => return Err(error),
                Ok(Said::Released(_)) | Err(_) => {
                    return Err(BenchError::failed("a thread of the generator ended early"));
                }
            }
            let now = Nanos::now();
            if told.after(PROGRESS_EVERY) < now {
                told = now;
                let of = self.connections;
                watch(Progress::Opening { opened: tried, of });
            }
        }
        if opened.times.count() == 0 {
            let why = opened.failed.into_keys().next().unwrap_or_default();
            return Err(BenchError::Failed(why));
        }
        Ok((opened, Held { releases, hears }))
    }

    /// Fails where this cannot be opened.
    pub(crate) fn check(&self) -> Result<(), BenchError> {
        for (what, count) in [
            ("the number of servers", self.servers.len()),
            ("the number of connections", self.connections),
            ("the number of connections at once", self.at_once),
            ("the number of threads", self.threads.unwrap_or(1)),
        ] {
            if count == 0 {
                return Err(BenchError::Nothing(what));
            }
        }
        let (connections, max) = (self.connections, open_files_max());
        if connections > max {
            return Err(BenchError::OpenFiles { connections, max });
        }
        Ok(())
    }
}

impl Opened {
    fn merge(&mut self, other: Opened) {
        self.times.merge(&other.times);
        for (why, count) in other.failed {
            *self.failed.entry(why).or_default() += count;
        }
        self.took = self.took.max(other.took);
        self.cpu.add(other.cpu);
        if other.cpu.busy() > self.busiest.busy() {
            self.busiest = other.cpu;
        }
    }
}

impl Held {
    /// Ends all; those that had ended before, by why.
    pub(crate) fn release(self) -> Result<BTreeMap<String, u64>, BenchError> {
        let mut lost = BTreeMap::new();
        let threads = self.releases.len();
        for release in self.releases {
            // A thread that has gone has said why.
            let _ = release.send(());
        }
        let mut released = 0;
        while released < threads {
            match self.hears.recv_timeout(LAST_WORD_MAX) {
                Ok(Said::Released(one)) => {
                    released += 1;
                    for (why, count) in one {
                        *lost.entry(why).or_default() += count;
                    }
                }
                Ok(Said::Failed(error)) => return Err(error),
                Ok(_) => {}
                Err(_) => return Err(BenchError::failed("a thread of the generator hangs")),
            }
        }
        Ok(lost)
    }
}

fn in_thread(
    share: &Crowd,
    speaks: bool,
    begin: Nanos,
    said: &mpsc::Sender<Said>,
    released: oneshot::Receiver<()>,
) {
    // Whoever asked has given up: nobody to tell.
    let say = |word: Said| drop(said.send(word));
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    let done = match runtime {
        Ok(runtime) => runtime.block_on(open_and_hold(share, speaks, begin, &say, released)),
        Err(error) => Err(BenchError::Machine(error)),
    };
    say(done.map_or_else(Said::Failed, Said::Released));
}

/// Opens the thread's share, and holds it until it is released; those that ended before, by why.
async fn open_and_hold(
    share: &Crowd,
    speaks: bool,
    begin: Nanos,
    say: &dyn Fn(Said),
    released: oneshot::Receiver<()>,
) -> Result<BTreeMap<String, u64>, BenchError> {
    let before = cpu_of_this_thread();
    let protocol = (share.kind == ServerKind::Node).then_some(SUBPROTOCOL);
    let trust = share.trust.as_ref();
    let doors = Doors::drawn(&share.servers, protocol, trust, share.connections)?;
    let lost = Rc::new(RefCell::new(BTreeMap::new()));
    let buffer = Rc::new(RefCell::new(vec![0; READ_BUFFER_BYTES].into_boxed_slice()));
    let mut opened = Opened::default();
    let doors = &doors;
    let opening = (0..share.connections).map(|number| async move {
        let since = Nanos::now();
        let door = doors.door(number, number);
        let mut connection = enter(door, share.kind).await?;
        let took = Nanos::now().since(since);
        if speaks {
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
        say(Said::Tried);
    }
    drop(opening);
    opened.took = Nanos::now().since(begin);
    opened.cpu = cpu_of_this_thread().since(before);
    say(Said::Opened(Box::new(opened)));
    // Dropped: whoever waited has given up.
    let _ = released.await;
    Ok(lost.take())
}

async fn enter(door: &Door, kind: ServerKind) -> Result<Connection, BenchError> {
    match kind {
        ServerKind::Node => welcomed(door).await.map(|(connection, _)| connection),
        ServerKind::Echo => {
            let (connection, _) = door.open().await.map_err(BenchError::failed)?;
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
