use std::io;
use std::time::Duration;

use raftwire_transport::broker::ConnectError;

use crate::amqp::{Closed, FrameError};

/// Why the broker cannot be used now, or not any more. Trying again later may help.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{at} did not answer within {patience:?}")]
    Slow { at: String, patience: Duration },
    #[error("{at} closed the connection")]
    Hangup { at: String },
    #[error("the connection to {at} broke: {source}")]
    Lost { at: String, source: io::Error },
    #[error("{at}: {source}")]
    NotAmqp { at: String, source: FrameError },
    #[error("{at} answers something unexpected")]
    Unexpected { at: String },
    #[error("{at} has no login with user and password, only {mechanisms:?}")]
    NoPlain { at: String, mechanisms: String },
    #[error("{at} says {}: {}{}", .closed.code, .closed.text, advice(.closed))]
    Closed { at: String, closed: Closed },
    #[error("the queue of this node was deleted on {at}")]
    Cancelled { at: String },
    #[error("the broker took nothing for {0:?}")]
    Stalled(Duration),
    #[error("the broker confirmed nothing for {0:?}")]
    Unconfirmed(Duration),
    #[error("the broker was silent for {0:?}")]
    Silent(Duration),
}

/// What to do about an answer that people meet (1.1 has the codes).
fn advice(closed: &Closed) -> &'static str {
    let says = |word| closed.text.contains(word);
    match closed.code {
        403 if says("ogin") => ". User or password of the connection string are wrong",
        403 => {
            ". The user needs the permissions configure, write and read for ^raftwire\\. in the \
             virtual host"
        }
        406 if says("inequivalent") => {
            ". What has this name was made by something else: delete it, or choose another cluster \
             name"
        }
        530 => {
            ". The virtual host must exist, and the user must be allowed to use it: rabbitmqctl \
             add_vhost, set_permissions"
        }
        _ => "",
    }
}
