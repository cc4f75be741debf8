//! Why a demonstration did not end well.

use std::io;
use std::path::PathBuf;

use crate::http_client::RequestError;
use crate::websocket_engine::ConnectError;

/// Why a demonstration did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// It was told to stop.
    #[error("the demonstration was interrupted")]
    Interrupted,
    /// The process's signals cannot be listened to.
    #[error("cannot listen to signals: {0}")]
    Signals(io::Error),
    /// The temporary folder, or what belongs into it, cannot be made.
    #[error("cannot use the temporary folder: {0}")]
    Folder(io::Error),
    /// No broker is there, and none can be started.
    #[error(
        "no {broker} is installed: `apt install {package}`, or name a broker that runs already: \
         --connection-string {example}"
    )]
    NoBroker {
        /// What was looked for.
        broker: &'static str,
        /// The package that has it.
        package: &'static str,
        /// What names a broker.
        example: &'static str,
    },
    /// Not enough ports can be had.
    #[error("no free ports: {0}")]
    Ports(io::Error),
    /// A process cannot be started or killed.
    #[error("{node}: {source}")]
    Process {
        /// The node.
        node: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A node ended that nobody had killed.
    #[error("{node} ended by itself ({status}); the end of its log:\n{log}")]
    Ended {
        /// The node.
        node: &'static str,
        /// How it ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// A node does not answer as it must.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A client cannot connect.
    #[error("a client cannot connect to {node}: {source}")]
    Connect {
        /// The node.
        node: &'static str,
        /// What happened instead.
        source: ConnectError,
    },
    /// Something that must happen did not.
    #[error("{what} did not happen within {seconds} s")]
    TooLate {
        /// What.
        what: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A message did not arrive.
    #[error("a message from one node to another had the outcome {outcome}")]
    NotDelivered {
        /// What became of it.
        outcome: String,
    },
    /// The account does not balance.
    #[error("the promise was broken: {0}")]
    Broken(String),
    /// The logs are worth a look.
    #[error("{error}\nthe data and logs of the nodes are kept in {}", folder.display())]
    Kept {
        /// What went wrong.
        error: Box<DemoError>,
        /// Where the logs are.
        folder: PathBuf,
    },
}

impl DemoError {
    /// Whether the logs of the nodes may say more.
    pub(super) fn is_told_of_in_logs(&self) -> bool {
        !matches!(self, DemoError::Interrupted | DemoError::NoBroker { .. })
    }
}
