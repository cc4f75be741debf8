use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Outputs;

/// Every other token is a slot.
const LISTENER: Token = Token(usize::MAX);
/// Sockets that the kernel tells of at once.
const EVENTS_MAX: usize = 1024;
/// Connections that wait to be accepted: beyond them a client tries again after a second.
const BACKLOG: i32 = 4096;
/// Bytes read at once: a batch of small messages, or most of a large one.
const READ_BYTES: usize = 256 * 1024;

/// What a bare server does.
pub trait Handler {
    /// A client has connected, and has this slot as long as it is.
    fn opened(&mut self, slot: usize, outputs: &mut Outputs) {
        let _ = (slot, outputs);
    }

    /// Bytes have come.
    fn came(&mut self, slot: usize, bytes: &mut [u8], outputs: &mut Outputs);

    /// A client has gone: its slot is another one's from now on.
    fn closed(&mut self, slot: usize) {
        let _ = slot;
    }
}

/// Serves in this thread. A connection that is there already, as `first`, has the slot 0.
///
/// # Errors
/// What the kernel refuses: a port, or to wait. That a connection ended is none.
pub fn run(handler: &mut impl Handler, first: Option<SocketAddr>) -> io::Result<()> {
    raise_open_files();
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    // The number that it was bound with is a small one.
    rustix::net::listen(&listener, BACKLOG)?;
    (poll.registry()).register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut outputs = Outputs::default();
    if let Some(first) = first {
        let stream = TcpStream::connect(first)?;
        open(poll.registry(), stream, handler, &mut outputs)?;
    }
    let mut stdout = io::stdout();
    writeln!(stdout, "{}", listener.local_addr()?.port())?;
    stdout.flush()?;

    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    open(poll.registry(), stream, handler, &mut outputs)?;
                }
            } else {
                serve(event, handler, &mut outputs, &mut buffer);
            }
        }
        outputs.flush();
        while let Some(slot) = outputs.next_broken() {
            handler.closed(slot);
        }
    }
}

/// As far as the system allows: what it does not allow, connections beyond it say.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let _ = setrlimit(Resource::Nofile, raised);
}

fn open(
    registry: &Registry,
    mut stream: TcpStream,
    handler: &mut impl Handler,
    outputs: &mut Outputs,
) -> io::Result<()> {
    let slot = outputs.next_slot();
    let interest = Interest::READABLE | Interest::WRITABLE;
    registry.register(&mut stream, Token(slot), interest)?;
    // A connection that has ended already does not mind.
    let _ = stream.set_nodelay(true);
    outputs.insert(stream);
    handler.opened(slot, outputs);
    Ok(())
}

fn serve(event: &Event, handler: &mut impl Handler, outputs: &mut Outputs, buffer: &mut [u8]) {
    let Token(slot) = event.token();
    if event.is_writable() {
        outputs.is_writable(slot);
    }
    // The kernel tells of bytes once: all of them are read.
    while let Some(stream) = outputs.stream(slot) {
        match stream.read(buffer) {
            Ok(len @ 1..) => {
                handler.came(slot, &mut buffer[..len], outputs);
                if len < buffer.len() {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => outputs.give_up(slot),
        }
    }
}
