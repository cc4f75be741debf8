use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use raftwire_environment::Environment;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream of any kind, with or without TLS.
pub(crate) type AnyIo = Box<dyn Io>;

/// A byte stream.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send> Io for IO {}

/// A byte stream that notes when bytes last went through. A large message on a slow line is a
/// sign of life long before it is complete.
pub(crate) struct WatchedIo<IO> {
    io: IO,
    progress: Progress,
}

/// When bytes last went through a [`WatchedIo`], in each direction.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    environment: Environment,
    started: Instant,
    read: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
}

/// A direction of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl<IO> WatchedIo<IO> {
    pub(crate) fn new(io: IO, environment: Environment) -> Self {
        let progress = Progress {
            started: environment.now(),
            environment,
            read: Arc::default(),
            written: Arc::default(),
        };
        Self { io, progress }
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Progress {
    fn note(&self, direction: Direction) {
        let since = self.environment.now().duration_since(self.started);
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        self.last(direction).store(nanos, Ordering::Relaxed);
    }

    fn last(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.written,
        }
    }

    fn last_time(&self, direction: Direction) -> Instant {
        let nanos = self.last(direction).load(Ordering::Relaxed);
        self.started + Duration::from_nanos(nanos)
    }

    /// Waits for a future that moves bytes in one direction, as long as bytes move: `None` once
    /// none has moved for `pause_max`, counted from now at the earliest. The future must be one
    /// that can be dropped.
    pub(crate) async fn while_moving<F: Future>(
        &self,
        direction: Direction,
        pause_max: Duration,
        future: F,
    ) -> Option<F::Output> {
        let mut future = pin!(future);
        let begun = self.environment.now();
        loop {
            let give_up = self.last_time(direction).max(begun) + pause_max;
            if give_up <= self.environment.now() {
                return None;
            }
            tokio::select! {
                biased;
                output = &mut future => return Some(output),
                () = tokio::time::sleep_until(give_up.into()) => {}
            }
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for WatchedIo<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.progress.note(Direction::Read);
        }
        polled
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for WatchedIo<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(context, bytes);
        if matches!(polled, Poll::Ready(Ok(written)) if written > 0) {
            self.progress.note(Direction::Write);
        }
        polled
    }

    // TLS writes its last words, an alert behind another record, in one call or not at all.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        if matches!(polled, Poll::Ready(Ok(written)) if written > 0) {
            self.progress.note(Direction::Write);
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const PAUSE_MAX: Duration = Duration::from_secs(3);

    fn watched() -> (WatchedIo<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(64);
        let io = WatchedIo::new(ours, Environment::real());
        (io, theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_the_wait_after_exactly_the_pause() {
        let (mut io, _theirs) = watched();
        let progress = io.progress();
        let begun = Environment::real().now();

        let read = progress.while_moving(Direction::Read, PAUSE_MAX, io.read_u8());

        assert!(read.await.is_none());
        assert_eq!(Environment::real().now() - begun, PAUSE_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_bytes_keep_the_wait_alive() {
        let (mut io, mut theirs) = watched();
        let progress = io.progress();
        let trickle = async {
            for byte in 0..10 {
                tokio::time::sleep(Duration::from_secs(2)).await;
                theirs.write_u8(byte).await.unwrap();
            }
        };
        let mut message = [0; 10];
        let read = io.read_exact(&mut message);
        let read = progress.while_moving(Direction::Read, PAUSE_MAX, read);

        let ((), read) = tokio::join!(trickle, read);

        assert_eq!(read.unwrap().unwrap(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn peer_that_takes_nothing_ends_the_wait() {
        let (mut io, _theirs) = watched();
        let progress = io.progress();

        let write = io.write_all(&[0; 1_000]);
        let write = progress.while_moving(Direction::Write, PAUSE_MAX, write);

        assert!(write.await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn time_before_the_wait_is_not_counted() {
        let (mut io, mut theirs) = watched();
        let progress = io.progress();
        tokio::time::sleep(10 * PAUSE_MAX).await;
        let late = async {
            tokio::time::sleep(PAUSE_MAX / 2).await;
            theirs.write_u8(7).await.unwrap();
        };

        let read = progress.while_moving(Direction::Read, PAUSE_MAX, io.read_u8());
        let ((), read) = tokio::join!(late, read);

        assert_eq!(read.unwrap().unwrap(), 7);
    }
}
