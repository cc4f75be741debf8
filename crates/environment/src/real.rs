//! The operating system's clocks, randomness and sockets.
#![allow(clippy::disallowed_methods)] // the one place that may: this is what the ban points to

use std::{
    io,
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use rand::{Rng as _, RngExt as _};
use rustix::time::{ClockId, clock_gettime};

use crate::{BootTime, Executor, TcpListener, TcpStream, backend::Backend};

#[derive(Debug)]
pub(crate) struct RealBackend;

/// The clock that goes on while the machine is suspended. Where there is no `CLOCK_BOOTTIME`, as
/// on macOS, it is the monotonic clock that does.
#[cfg(any(target_os = "linux", target_os = "android"))]
const BOOT_CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const BOOT_CLOCK: ClockId = ClockId::Monotonic;

#[async_trait]
impl Backend for RealBackend {
    fn boot_time(&self) -> BootTime {
        let time = clock_gettime(BOOT_CLOCK);
        // Never negative: the clock counts from the boot.
        let since_boot = Duration::try_from(time).unwrap_or_default();
        BootTime::new(since_boot)
    }

    fn unix_time(&self) -> SystemTime {
        SystemTime::now()
    }

    fn random_u64(&self) -> u64 {
        rand::rng().next_u64()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }

    fn random_below(&self, bound: u64) -> u64 {
        rand::rng().random_range(0..bound)
    }

    fn executor(&self, name: &'static str) -> Executor {
        Executor::on_own_thread(name)
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let mut failure = no_address(host);
        for address in addresses(host, port).await? {
            match tokio::net::TcpStream::connect(address).await {
                Ok(stream) => return TcpStream::real(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn bind(&self, host: &str, port: u16) -> io::Result<TcpListener> {
        let mut failure = no_address(host);
        for address in addresses(host, port).await? {
            match listen(address) {
                Ok(listener) => return Ok(TcpListener::real(listener)),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

/// Connections that may wait to be accepted: what a cluster's clients make when they come back at once. The system
/// lowers it to its own limit (`net.core.somaxconn`); one that finds no room tries again after a second.
const BACKLOG: u32 = 4_096;

fn listen(address: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    let socket = if address.is_ipv4() {
        tokio::net::TcpSocket::new_v4()
    } else {
        tokio::net::TcpSocket::new_v6()
    }?;
    // A server that comes back finds its port free though connections of before are not forgotten yet.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn addresses(host: &str, port: u16) -> io::Result<impl Iterator<Item = SocketAddr>> {
    tokio::net::lookup_host((host, port)).await
}

fn no_address(host: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("the host name {host:?} has no address"),
    )
}
