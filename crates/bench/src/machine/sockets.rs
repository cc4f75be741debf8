use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};

use tokio::net::{TcpSocket, TcpStream};

use super::random_u64;

/// The first address of a host.
pub(crate) fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    let mut addresses = (host, port).to_socket_addrs()?;
    addresses
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address"))
}

/// Where connections to this address come from: to loopback, any address of 127.0.0.0/8, so that each
/// process has all ports of its own; else what the system chooses.
///
/// It is drawn, so that a run does not meet the ports that the last one left waiting.
pub(crate) fn source_address(target: SocketAddr) -> Option<IpAddr> {
    let is_loopback = matches!(target.ip(), IpAddr::V4(ip) if ip.is_loopback());
    is_loopback.then(|| {
        let [a, b, c, ..] = random_u64().to_be_bytes();
        // Neither 127.0.0.1, where servers are, nor a broadcast.
        IpAddr::V4(Ipv4Addr::new(127, 1 + a % 250, b, 2 + c % 250))
    })
}

/// Opens a connection whose small messages are not held back.
pub(crate) async fn connect(target: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match target {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(target).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
