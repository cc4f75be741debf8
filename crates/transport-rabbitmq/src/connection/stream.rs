use bytes::{Buf, BytesMut};
use raftwire_transport::broker::BrokerSocket;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::Problem;
use crate::amqp::{self, Assembly, Incoming, Method, Writer};

/// Room that is made for each read: several packets of the usual size.
const READ_BYTES: usize = 64 * 1024;

/// The reading half of a connection.
pub(crate) struct Frames {
    at: String,
    half: ReadHalf<Box<dyn BrokerSocket>>,
    buffer: BytesMut,
    frame_bytes_max: usize,
    assembly: Assembly,
}

/// The writing half. What is written waits until [`advance`](Self::advance) is polled.
pub(crate) struct Commands {
    at: String,
    half: WriteHalf<Box<dyn BrokerSocket>>,
    pending: BytesMut,
    is_flushed: bool,
    frame_bytes_max: usize,
}

/// Both halves.
pub(crate) struct Connection {
    pub(crate) frames: Frames,
    pub(crate) commands: Commands,
}

impl Frames {
    /// The next word of the server, apart from heartbeats, or message. That it has closed the
    /// connection, the channel or the queue is an error.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Problem> {
        loop {
            if let Some(incoming) = self.ready()? {
                return Ok(incoming);
            }
            self.buffer.reserve(READ_BYTES);
            let at = || self.at.clone();
            match self.half.read_buf(&mut self.buffer).await {
                Ok(0) => return Err(Problem::Hangup { at: at() }),
                Ok(_) => {}
                Err(source) => return Err(Problem::Lost { at: at(), source }),
            }
        }
    }

    /// What has come as a whole already.
    pub(crate) fn ready(&mut self) -> Result<Option<Incoming>, Problem> {
        loop {
            let frame = amqp::decode(&mut self.buffer, self.frame_bytes_max);
            let incoming = frame.and_then(|frame| match frame {
                Some(frame) => self.assembly.push(frame).map(Some),
                None => Ok(None),
            });
            let incoming = incoming.map_err(|source| Problem::NotAmqp {
                at: self.at.clone(),
                source,
            })?;
            match incoming {
                None => return Ok(None),
                Some(None) => {}
                Some(Some(Incoming::Method(Method::Closed(closed)))) => {
                    let at = self.at.clone();
                    return Err(Problem::Closed { at, closed });
                }
                Some(Some(Incoming::Method(Method::Cancelled))) => {
                    let at = self.at.clone();
                    return Err(Problem::Cancelled { at });
                }
                Some(Some(incoming)) => return Ok(Some(incoming)),
            }
        }
    }

    pub(crate) fn unexpected(&self) -> Problem {
        Problem::Unexpected {
            at: self.at.clone(),
        }
    }
}

impl Commands {
    /// Writes to what is pending.
    pub(crate) fn writer(&mut self) -> Writer<'_> {
        self.is_flushed = false;
        Writer::new(&mut self.pending, self.frame_bytes_max)
    }

    pub(crate) fn is_pending(&self) -> bool {
        !self.is_flushed
    }

    /// Hands some of what is pending to the system; with nothing left, it has all gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is written twice or lost when the future is dropped.
    pub(crate) async fn advance(&mut self) -> Result<(), Problem> {
        let result = if self.pending.has_remaining() {
            self.half.write_buf(&mut self.pending).await.map(|_| ())
        } else {
            let flushed = self.half.flush().await;
            self.is_flushed = flushed.is_ok();
            flushed
        };
        result.map_err(|source| Problem::Lost {
            at: self.at.clone(),
            source,
        })
    }

    pub(crate) async fn flush(&mut self) -> Result<(), Problem> {
        while self.is_pending() {
            self.advance().await?;
        }
        Ok(())
    }
}

impl Connection {
    pub(super) fn new(
        socket: Box<dyn BrokerSocket>,
        at: String,
        frame_bytes_max: usize,
        body_bytes_max: usize,
    ) -> Self {
        let (read, write) = tokio::io::split(socket);
        Self {
            frames: Frames {
                at: at.clone(),
                half: read,
                buffer: BytesMut::new(),
                frame_bytes_max,
                assembly: Assembly::new(body_bytes_max as u64),
            },
            commands: Commands {
                at,
                half: write,
                pending: BytesMut::new(),
                is_flushed: true,
                frame_bytes_max,
            },
        }
    }

    pub(super) fn agree_on_frames(&mut self, frame_bytes_max: usize) {
        self.frames.frame_bytes_max = frame_bytes_max;
        self.commands.frame_bytes_max = frame_bytes_max;
    }

    /// Sends what is pending and waits for the answer to it.
    pub(super) async fn answer(&mut self) -> Result<Method, Problem> {
        self.commands.flush().await?;
        loop {
            match self.frames.next().await? {
                Incoming::Method(method) => return Ok(method),
                Incoming::Heartbeat => {}
                Incoming::Delivery { .. } | Incoming::Returned { .. } => {
                    return Err(self.frames.unexpected());
                }
            }
        }
    }

    /// Has something done, and waits until it was.
    pub(crate) async fn ask(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> Result<(), Problem> {
        write(&mut self.commands.writer());
        match self.answer().await? {
            Method::Done => Ok(()),
            _ => Err(self.frames.unexpected()),
        }
    }

    /// Says that it closes, and waits until the server has agreed. Sets no time limit.
    pub(crate) async fn close(mut self) -> Result<(), Problem> {
        self.commands.writer().close();
        self.commands.flush().await?;
        while self.frames.next().await? != Incoming::Method(Method::CloseOk) {}
        Ok(())
    }
}
