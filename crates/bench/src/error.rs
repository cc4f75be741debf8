use crate::ResolveError;

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The plan asks for nothing.
    #[error("{0} must be at least 1")]
    Nothing(&'static str),
    /// Messages that have no room for their number.
    #[error("these messages carry their number: {bytes} bytes are less than {min}")]
    Short {
        /// What the plan says.
        bytes: usize,
        /// What is needed.
        min: usize,
    },
    /// A bare address among others.
    #[error("tcp:// addresses are those of a bare relay: all of them, or none")]
    Bare,
    /// A rate that is no positive number.
    #[error("{0} messages a second is no rate")]
    Rate(f64),
    /// More connections than this process may have files.
    #[error(
        "{connections} connections are more than the {max} for which this process may have files: raise `ulimit -n`"
    )]
    OpenFiles {
        /// What the plan needs.
        connections: usize,
        /// What there is room for.
        max: usize,
    },
    /// A host that cannot be found.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A server that speaks TLS, and nobody to vouch for it.
    #[error("{0} speaks TLS: --ca names the authority of its certificate")]
    NoAuthorities(String),
    /// A host that no certificate can name.
    #[error("{0} has a host that no certificate can name")]
    ServerName(String),
    /// A process to be measured that is not there.
    #[error("processor time of process {pid} cannot be read: {error}")]
    Process {
        /// Its number.
        pid: u32,
        /// What the system says.
        error: std::io::Error,
    },
    /// The machine refuses a thread, a timer or a runtime.
    #[error("the machine refuses what the generator needs: {0}")]
    Machine(std::io::Error),
    /// A connection did not open, or the server said something that must not be.
    #[error("{0}")]
    Failed(String),
}

impl BenchError {
    pub(crate) fn failed(error: impl ToString) -> BenchError {
        BenchError::Failed(error.to_string())
    }
}
