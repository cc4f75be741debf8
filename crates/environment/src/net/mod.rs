//! TCP sockets, real or simulated.

mod listener;
mod stream;

pub use listener::TcpListener;
pub use stream::TcpStream;
