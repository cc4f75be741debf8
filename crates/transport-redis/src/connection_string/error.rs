use raftwire_transport::broker::{InvalidOption, InvalidServers};

/// What is wrong with a connection string. Never shows a value that could be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRedisConnectionString {
    /// It names no server.
    #[error("it names no server: write redis://host:6379")]
    NoServer,
    /// A server's address is none. Its text is not shown, because a password may be part of it.
    #[error(
        "server {position} of the list is no host:port; a user or a password with one of @ : / , \
         % in it has to write them as %40 %3A %2F %2C %25 in a URL"
    )]
    Server {
        /// Its place in the list, from 1.
        position: usize,
    },
    /// What comes before `://` is not known.
    #[error(
        "there is no scheme {scheme:?}: redis://, rediss:// (TLS), redis-sentinel:// and \
         rediss-sentinel:// are known"
    )]
    Scheme {
        /// What it says.
        scheme: String,
    },
    /// An option is none, or has a value that it cannot have.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// Something follows the options that is none. It is not shown, because it may be the rest of
    /// a password.
    #[error(
        "part {position}, behind the options, has no \"=\": servers come first, and a password \
         with a comma in it has to be written in a URL, redis://:password@host, with %2C"
    )]
    NotAnOption {
        /// Its place in the string, from 1.
        position: usize,
    },
    /// A `%` is not followed by two hexadecimal digits.
    #[error("a % in the {part} is not followed by two hexadecimal digits: write %25 for it")]
    Escape {
        /// Where.
        part: &'static str,
    },
    /// Sentinels need the name of their master.
    #[error("the name of the master is missing: redis-sentinel://host:26379/<name>")]
    NoService,
}

impl From<InvalidServers> for InvalidRedisConnectionString {
    fn from(invalid: InvalidServers) -> Self {
        match invalid {
            InvalidServers::Empty => Self::NoServer,
            InvalidServers::Address { position } => Self::Server { position },
        }
    }
}
