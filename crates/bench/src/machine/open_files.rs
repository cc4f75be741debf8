use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not connections: the runtime's, the pipes of processes, the log.
const RESERVED: u64 = 100;

/// Raises the limit of open files as far as the system lets this process; how many connections fit in
/// it.
pub(crate) fn open_files_max() -> usize {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // Refused: the limit is what it was, which is read below.
    let _ = setrlimit(Resource::Nofile, raised);
    let Some(files) = getrlimit(Resource::Nofile).current else {
        return usize::MAX;
    };
    usize::try_from(files.saturating_sub(RESERVED)).unwrap_or(usize::MAX)
}
