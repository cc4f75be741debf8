//! The `raftwire` binary: everything it does is in the library beside it.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Most of what a message needs is small and lives for microseconds. Without the feature `no_thp` each node would
/// keep 30 MB more in huge pages.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    raftwire_server::cli::main()
}
