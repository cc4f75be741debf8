//! Clocks, randomness and sockets of a simulated host.
#![allow(clippy::disallowed_methods)] // tokio's clock is the simulation's clock

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use tokio::time::Instant;

use crate::{BootTime, Executor, TcpListener, TcpStream, backend::Backend};

/// The wall clock when a simulation begins, 2026-01-01 00:00 UTC: a constant, so that a trace with
/// dates in it is the same in every run.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

const MILLION: u128 = 1_000_000;

#[derive(Debug)]
pub(crate) struct SimulatedBackend {
    /// A fixed algorithm: a seed means the same numbers with every version of `rand`.
    random: Mutex<Xoshiro256PlusPlus>,
    /// The boot clock's rate, in millionths of true time.
    boot_rate: u128,
    /// Where time is counted from outside turmoil.
    started: Instant,
}

impl SimulatedBackend {
    pub(crate) fn new(seed: u64, drift_ppm: i32) -> SimulatedBackend {
        let boot_rate = 1_000_000_i64 + i64::from(drift_ppm);
        SimulatedBackend {
            random: Mutex::new(Xoshiro256PlusPlus::seed_from_u64(seed)),
            // A clock does not run backwards, however wrong its rate.
            boot_rate: u128::try_from(boot_rate).unwrap_or(0),
            started: Instant::now(),
        }
    }

    /// Since the simulation began. The time since this process, or this host's runtime, began would
    /// start again at zero with each restart.
    fn elapsed(&self) -> Duration {
        turmoil::sim_elapsed().unwrap_or_else(|| self.started.elapsed())
    }

    fn random(&self) -> MutexGuard<'_, Xoshiro256PlusPlus> {
        self.random.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Backend for SimulatedBackend {
    fn boot_time(&self) -> BootTime {
        let nanos = self.elapsed().as_nanos() * self.boot_rate / MILLION;
        BootTime::new(Duration::from_nanos(
            u64::try_from(nanos).unwrap_or(u64::MAX),
        ))
    }

    fn unix_time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + EPOCH + self.elapsed()
    }

    fn random_u64(&self) -> u64 {
        self.random().next_u64()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.random().fill_bytes(bytes);
    }

    fn random_below(&self, bound: u64) -> u64 {
        self.random().random_range(0..bound)
    }

    fn executor(&self, name: &'static str) -> Executor {
        Executor::on_host(name)
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        refuse_outside_turmoil()?;
        let socket = turmoil::net::TcpStream::connect((host, port)).await?;
        Ok(TcpStream::simulated(socket))
    }

    async fn bind(&self, host: &str, port: u16) -> io::Result<TcpListener> {
        refuse_outside_turmoil()?;
        let address = listen_address(host, port).await?;
        let socket = turmoil::net::TcpListener::bind(address).await?;
        TcpListener::simulated(socket)
    }
}

/// Turmoil's hosts listen on loopback or on everything; they have no second interface.
async fn listen_address(host: &str, port: u16) -> io::Result<SocketAddr> {
    if host == "localhost" {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let found = turmoil::net::lookup_host((host, port)).await?.next();
    let address = found.ok_or(io::ErrorKind::NotFound)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    let any: IpAddr = match address.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    Ok((any, port).into())
}

fn refuse_outside_turmoil() -> io::Result<()> {
    if turmoil::in_simulation() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "a simulated environment has sockets inside a turmoil simulation only",
    ))
}
