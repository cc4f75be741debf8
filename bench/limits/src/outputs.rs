use std::io::{ErrorKind, Write as _};

use mio::net::TcpStream;
use slab::Slab;

/// Bytes that wait for a client that does not read: more than `raftwire bench` ever has in flight to one. It ends
/// beyond them.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// The connections, and what is to be written to each.
#[derive(Debug, Default)]
pub struct Outputs {
    clients: Slab<Client>,
    /// Slots with something to be written.
    dirty: Vec<usize>,
    broken: Vec<usize>,
}

#[derive(Debug)]
struct Client {
    stream: TcpStream,
    waiting: Vec<u8>,
    /// How many of these bytes are written.
    written: usize,
    is_dirty: bool,
    is_broken: bool,
}

impl Outputs {
    /// What is to be written with the others of this turn.
    pub fn waiting(&mut self, slot: usize) -> Option<&mut Vec<u8>> {
        let client = self.clients.get_mut(slot)?;
        if !client.is_dirty {
            client.is_dirty = true;
            self.dirty.push(slot);
        }
        Some(&mut client.waiting)
    }

    /// Writes at once, from where the bytes lie; what the kernel does not take waits.
    pub fn write(&mut self, slot: usize, mut bytes: &[u8]) {
        let Some(client) = self.clients.get_mut(slot) else {
            return;
        };
        while client.waiting.is_empty() && !bytes.is_empty() {
            match client.stream.write(bytes) {
                Ok(len) => bytes = &bytes[len..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.give_up(slot),
            }
        }
        // Written when the kernel says that there is room.
        client.waiting.extend_from_slice(bytes);
    }

    /// The slots of all connections.
    pub fn slots(&self) -> Vec<usize> {
        self.clients.iter().map(|(slot, _)| slot).collect()
    }

    pub(crate) fn next_slot(&self) -> usize {
        self.clients.vacant_key()
    }

    pub(crate) fn insert(&mut self, stream: TcpStream) {
        self.clients.insert(Client {
            stream,
            waiting: Vec::new(),
            written: 0,
            is_dirty: false,
            is_broken: false,
        });
    }

    /// `None`: it has ended.
    pub(crate) fn stream(&mut self, slot: usize) -> Option<&mut TcpStream> {
        let client = self.clients.get_mut(slot)?;
        (!client.is_broken).then_some(&mut client.stream)
    }

    pub(crate) fn is_writable(&mut self, slot: usize) {
        if (self.clients.get(slot)).is_some_and(|client| !client.waiting.is_empty()) {
            self.waiting(slot);
        }
    }

    /// The connection ends with this turn.
    pub(crate) fn give_up(&mut self, slot: usize) {
        if let Some(client) = self.clients.get_mut(slot)
            && !client.is_broken
        {
            client.is_broken = true;
            self.broken.push(slot);
        }
    }

    /// Writes what the kernel takes.
    pub(crate) fn flush(&mut self) {
        for slot in std::mem::take(&mut self.dirty) {
            let Some(client) = self.clients.get_mut(slot) else {
                continue;
            };
            client.is_dirty = false;
            if client.flush().is_err() || client.waiting.len() > WAITING_BYTES_MAX {
                self.give_up(slot);
            }
        }
    }

    /// Ends the next connection that has broken.
    pub(crate) fn next_broken(&mut self) -> Option<usize> {
        let slot = self.broken.pop()?;
        self.clients.try_remove(slot);
        Some(slot)
    }
}

impl Client {
    fn flush(&mut self) -> std::io::Result<()> {
        while self.written < self.waiting.len() {
            match self.stream.write(&self.waiting[self.written..]) {
                Ok(len) => self.written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // Keeps the memory for what comes next.
        self.waiting.clear();
        self.written = 0;
        Ok(())
    }
}
