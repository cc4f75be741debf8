//! What the real and the simulated environment implement.

use std::{fmt::Debug, io, time::SystemTime};

use async_trait::async_trait;

use crate::{BootTime, Executor, TcpListener, TcpStream};

/// The parts in which the real and the simulated environment differ, but for the disk, which is
/// an object of its own, and [`Environment::now`], which is tokio's clock in both.
///
/// [`Environment::now`]: crate::Environment::now
#[async_trait]
pub(crate) trait Backend: Send + Sync + Debug {
    fn boot_time(&self) -> BootTime;
    fn unix_time(&self) -> SystemTime;
    fn random_u64(&self) -> u64;
    fn fill_random(&self, bytes: &mut [u8]);
    /// Uniform below `bound`, which is not zero.
    fn random_below(&self, bound: u64) -> u64;
    fn executor(&self, name: &'static str) -> Executor;
    async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream>;
    async fn bind(&self, host: &str, port: u16) -> io::Result<TcpListener>;
}
