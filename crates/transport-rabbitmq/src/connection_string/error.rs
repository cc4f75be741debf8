use raftwire_transport::broker::{InvalidOption, InvalidServers};

/// What is wrong with a connection string. Never shows a value that could be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRabbitMQConnectionString {
    /// It names no server.
    #[error("it names no server: write amqp://host:5672")]
    NoServer,
    /// A server's address is none. Its text is not shown, because a password may be part of it.
    #[error(
        "server {position} of the list is no host:port; a user or a password with one of @ : / ? \
         , % in it has to write them as %40 %3A %2F %3F %2C %25"
    )]
    Server {
        /// Its place in the list, from 1.
        position: usize,
    },
    /// What comes before `://` is not known.
    #[error("there is no scheme {scheme:?}: amqp:// and amqps:// (TLS) are known")]
    Scheme {
        /// What it says.
        scheme: String,
    },
    /// An option is none, or has a value that it cannot have.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// A `%` is not followed by two hexadecimal digits.
    #[error("a % in the {part} is not followed by two hexadecimal digits: write %25 for it")]
    Escape {
        /// Where.
        part: &'static str,
    },
    /// AMQP has no room for so long a text.
    #[error("the {part} is longer than 255 bytes, which is the most that AMQP can say")]
    TooLong {
        /// What is too long.
        part: &'static str,
    },
}

impl From<InvalidServers> for InvalidRabbitMQConnectionString {
    fn from(invalid: InvalidServers) -> Self {
        match invalid {
            InvalidServers::Empty => Self::NoServer,
            InvalidServers::Address { position } => Self::Server { position },
        }
    }
}
