use bytes::BytesMut;
use raftwire_transport::broker::BrokerSocket;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::Problem;
use crate::resp::{self, Value};

/// Room that is made for each read: several packets of the usual size.
const READ_BYTES: usize = 64 * 1024;

/// The reading half of a connection to a server.
pub(crate) struct Replies {
    at: String,
    half: ReadHalf<Box<dyn BrokerSocket>>,
    buffer: BytesMut,
}

/// The writing half.
pub(crate) struct Commands {
    at: String,
    half: WriteHalf<Box<dyn BrokerSocket>>,
}

/// Both halves of a connection.
pub(crate) struct Connection {
    pub(crate) replies: Replies,
    pub(crate) commands: Commands,
}

impl Replies {
    /// The next value.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Value, Problem> {
        loop {
            match resp::decode(&mut self.buffer) {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => {}
                Err(source) => {
                    let at = self.at.clone();
                    return Err(Problem::NotRedis { at, source });
                }
            }
            self.buffer.reserve(READ_BYTES);
            match self.half.read_buf(&mut self.buffer).await {
                Ok(0) => {
                    let at = self.at.clone();
                    return Err(Problem::Closed { at });
                }
                Ok(_) => {}
                Err(source) => {
                    let at = self.at.clone();
                    return Err(Problem::Lost { at, source });
                }
            }
        }
    }
}

impl Commands {
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let written = async {
            self.half.write_all(bytes).await?;
            self.half.flush().await
        };
        written.await.map_err(|source| Problem::Lost {
            at: self.at.clone(),
            source,
        })
    }

    /// Says that nothing more comes, so that what was written still counts.
    pub(crate) async fn finish(&mut self) {
        // It is the last thing that is done with it.
        let _ = self.half.shutdown().await;
    }
}

impl Connection {
    pub(super) fn new(io: Box<dyn BrokerSocket>, at: String) -> Self {
        let (read, write) = tokio::io::split(io);
        Self {
            replies: Replies {
                at: at.clone(),
                half: read,
                buffer: BytesMut::new(),
            },
            commands: Commands { at, half: write },
        }
    }

    /// Sends a command and waits for its answer; an error of the server is a value.
    pub(super) async fn ask(&mut self, parts: &[&[u8]]) -> Result<Value, Problem> {
        let mut command = BytesMut::new();
        resp::encode(&mut command, parts);
        self.commands.write(&command).await?;
        self.replies.next().await
    }
}
