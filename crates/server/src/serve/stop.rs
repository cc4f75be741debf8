//! What tells a node to stop.

use std::io;
use std::os::fd::AsFd;

use tokio::io::{AsyncReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

/// Ends when the process is told to stop: by SIGTERM, by SIGINT, or, `with_stdin`, when standard
/// input, which must be a pipe, ends because whoever held it has ended in whatever way.
///
/// # Errors
/// The signals, or standard input, cannot be listened to.
pub fn told_to_stop(with_stdin: bool) -> io::Result<impl Future<Output = ()>> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let stdin = if with_stdin {
        let descriptor = io::stdin().as_fd().try_clone_to_owned()?;
        Some(pipe::Receiver::from_owned_fd(descriptor)?)
    } else {
        None
    };
    Ok(async move {
        let why = tokio::select! {
            _ = terminated.recv() => "SIGTERM",
            _ = interrupted.recv() => "SIGINT",
            () = end_of(stdin) => "standard input has ended",
        };
        info!("told to stop: {why}");
    })
}

async fn end_of(stdin: Option<pipe::Receiver>) {
    let Some(stdin) = stdin else {
        return std::future::pending().await;
    };
    let mut stdin = BufReader::new(stdin);
    // What is written to it means nothing.
    while stdin.read_u8().await.is_ok() {}
}
