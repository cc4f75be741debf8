//! The handle that every other crate takes.

use std::{
    io,
    ops::Range,
    sync::Arc,
    time::{Instant, SystemTime},
};

use tokio::task::JoinHandle;

use crate::{
    BootTime, Disk, Executor, TcpListener, TcpStream, backend::Backend, disk::real::RealDisk,
    real::RealBackend, task,
};

/// Sockets, disk, clocks, randomness and tasks of one process: the real ones or simulated ones.
///
/// A cheap handle: clones share everything, the state of the random numbers too.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use raftwire_environment::Environment;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let environment = Environment::real();
/// let listener = environment.bind("127.0.0.1", 0).await?;
/// let port = listener.local_addr()?.port();
/// let answer = environment.spawn("answer", async move {
///     let (mut stream, _) = listener.accept().await?;
///     stream.write_all(b"hello").await
/// });
///
/// let mut stream = environment.connect("localhost", port).await?;
/// let mut heard = [0; 5];
/// stream.read_exact(&mut heard).await?;
/// assert_eq!(&heard, b"hello");
/// # answer.await.unwrap()?; Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Environment {
    backend: Arc<dyn Backend>,
    disk: Arc<dyn Disk>,
}

impl Environment {
    /// The operating system's sockets, disk, clocks and randomness.
    pub fn real() -> Environment {
        Environment {
            backend: Arc::new(RealBackend),
            disk: Arc::new(RealDisk),
        }
    }

    /// One process in a simulation, started on a machine that has `disk`.
    ///
    /// It is to be made inside the software of a turmoil host, within the `async` block rather
    /// than in the closure that makes it: turmoil's clock is set only there. Sockets and time are
    /// turmoil's, random numbers are drawn from `seed` alone, tasks and executors run on the host's
    /// runtime. The disk is [attached](crate::SimulatedDisk::attach): once the test
    /// [crashes](crate::SimulatedDisk::crash) it, this environment's disk answers with errors
    /// only, as for a dead process, and the next start makes a new environment.
    ///
    /// Outside turmoil, in a test whose tokio clock is paused, everything but sockets works:
    /// those answer with [`io::ErrorKind::Unsupported`].
    #[cfg(feature = "simulation")]
    pub fn simulated(seed: u64, disk: crate::SimulatedDisk) -> Environment {
        Self::simulated_with_drift(seed, disk, 0)
    }

    /// Like [`simulated`](Self::simulated), with a boot clock that runs `drift_ppm` millionths too
    /// fast (or, negative, too slow) against the clocks of other hosts.
    ///
    /// Only [`boot_time`](Self::boot_time) drifts: leases are what a drifting clock endangers.
    #[cfg(feature = "simulation")]
    pub fn simulated_with_drift(
        seed: u64,
        disk: crate::SimulatedDisk,
        drift_ppm: i32,
    ) -> Environment {
        Environment {
            backend: Arc::new(crate::simulated::SimulatedBackend::new(seed, drift_ppm)),
            disk: Arc::new(disk.attach()),
        }
    }

    /// The monotonic clock, in the time base of [`tokio::time`]: where a test has paused or
    /// simulated time, this is that time, and it agrees with `tokio::time::sleep_until`.
    #[allow(clippy::disallowed_methods)] // this is what the others are told to use
    pub fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// The clock for leases: monotonic, and it goes on while the machine is suspended.
    ///
    /// Real: Linux's `CLOCK_BOOTTIME`; tokio's pause does not reach it. Simulated: the time since
    /// the simulation began, which goes on across a restart of the host.
    pub fn boot_time(&self) -> BootTime {
        self.backend.boot_time()
    }

    /// The wall clock, for what people read. It jumps; nothing may be decided by it.
    pub fn unix_time(&self) -> SystemTime {
        self.backend.unix_time()
    }

    /// 64 random bits. The real ones come from a generator fit for keys and nonces.
    pub fn random_u64(&self) -> u64 {
        self.backend.random_u64()
    }

    /// Fills `bytes` from the same source as [`random_u64`](Self::random_u64).
    pub fn fill_random(&self, bytes: &mut [u8]) {
        self.backend.fill_random(bytes);
    }

    /// A number of `range`, each as likely as the others; `range.start` if the range is empty.
    pub fn random_range(&self, range: Range<u64>) -> u64 {
        match range.end.saturating_sub(range.start) {
            0 => range.start,
            bound => range.start + self.backend.random_below(bound),
        }
    }

    /// Runs `future` as a task of the current runtime.
    ///
    /// A panic in it reaches whoever awaits the handle, and is logged with `name` as an error,
    /// because nobody may await it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[allow(clippy::disallowed_methods)] // this is what the others are told to use
    pub fn spawn<F>(&self, name: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(task::watched(name, future))
    }

    /// A place for work that must not wait behind other work, or that blocks: the disk's, and
    /// consensus. Real: an OS thread of its own with a current-thread runtime. Simulated: the
    /// host's runtime.
    ///
    /// # Panics
    /// If the operating system refuses the thread or its descriptors, as
    /// [`std::thread::spawn`] does; and, simulated, outside a tokio runtime.
    pub fn executor(&self, name: &'static str) -> Executor {
        self.backend.executor(name)
    }

    /// The disk. Its calls block: make them on an [`executor`](Self::executor).
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Opens a TCP connection with `TCP_NODELAY` set. `host` is a name or an address, IPv6 with
    /// or without brackets; the addresses of a name are tried one after the other.
    ///
    /// It sets no time limit: wrap it in [`tokio::time::timeout`].
    ///
    /// # Errors
    /// The resolver's, or that of the last address tried.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up and closes its socket.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        self.backend.connect(without_brackets(host), port).await
    }

    /// Listens on `host`, a name or an address of this machine, and on a free port if `port` is 0.
    ///
    /// A simulated host has one address, so that there any host name but a loopback one means
    /// "on every address".
    ///
    /// # Errors
    /// The resolver's, or that of the last address tried, such as
    /// [`AddrInUse`](io::ErrorKind::AddrInUse).
    pub async fn bind(&self, host: &str, port: u16) -> io::Result<TcpListener> {
        self.backend.bind(without_brackets(host), port).await
    }
}

/// `[::1]` as in a URL is `::1` for the resolver.
fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host)
}
