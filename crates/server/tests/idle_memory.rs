//! What one idle client costs, in bytes that are allocated for it: counted, so that neither the
//! allocator nor the machine makes a difference.

// The program that is measured is this one, and its clients must cost it nothing: sockets of the
// operating system, used from another thread.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use raftwire_environment::Environment;
use raftwire_server::config::ServerOptions;
use raftwire_server::serve::serve;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Clients until what is shared has grown.
const FIRST: usize = 200;
/// Clients that are counted.
const MEASURED: usize = 1_000;
/// What each may cost.
const BYTES_MAX: usize = 2_560;
/// A hang is an error, a slow machine is not.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connects, is welcomed, says something and hears the answer.
fn client(port: u16, offer: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: raftwire.v1\r\n{offer}\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    read_until(&mut stream, b"\"welcome\"");
    if !offer.is_empty() {
        say_deflated(&mut stream);
    }
    // {"type":"ping","id":7}, masked with zeros.
    let ping = b"{\"type\":\"ping\",\"id\":7}";
    let mut frame = vec![0x81, 0x80 | ping.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(ping);
    stream.write_all(&frame).unwrap();
    read_until(&mut stream, b"\"pong\"");
    stream
}

/// Says something long that is not understood, compressed, and hears a compressed answer, which repeats it.
fn say_deflated(stream: &mut TcpStream) {
    let said = format!("{{\"type\":\"{}\"}}", "x".repeat(1_000));
    let len = said.len() as u16;
    // A block that is stored as it is, and what begins the empty one after it.
    let mut frame = vec![0xc1, 0x80 | 126];
    frame.extend_from_slice(&(len + 6).to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 0, 0]);
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend_from_slice(&(!len).to_le_bytes());
    frame.extend_from_slice(said.as_bytes());
    frame.push(0);
    stream.write_all(&frame).unwrap();
    // A text, compressed, in less than 126 bytes.
    read_until(stream, b"\xc1");
}

fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let request = "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 200")
}

fn read_until(stream: &mut TcpStream, wanted: &[u8]) {
    let mut read = Vec::new();
    let mut buffer = [0; 1024];
    while !read.windows(wanted.len()).any(|bytes| bytes == wanted) {
        let len = stream.read(&mut buffer).unwrap();
        assert!(len > 0, "closed: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&buffer[..len]);
    }
}

fn clients(port: u16, offer: &str, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| client(port, offer)).collect()
}

/// Clients that are open, and what each of some more of them costs.
fn measure(port: u16, offer: &str) -> (Vec<TcpStream>, usize) {
    let mut open = clients(port, offer, FIRST);
    let before = dhat::HeapStats::get().curr_bytes;
    open.extend(clients(port, offer, MEASURED));
    let after = dhat::HeapStats::get().curr_bytes;
    (open, (after - before) / MEASURED)
}

#[test]
fn an_idle_client_costs_little() {
    let profiler = dhat::Profiler::builder().testing().build();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut options = ServerOptions::default();
    options.cluster.node_id = Some("node1".parse().unwrap());
    options.cluster.node_port = port;
    options.cluster.ephemeral = true;
    options.client.compression = true;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let node = runtime.spawn(serve(options, Environment::real(), async {
        let _ = stopped.await;
    }));
    while !is_ready(port) {
        std::thread::sleep(Duration::from_millis(10));
    }

    let (plain, each) = measure(port, "");
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let (compressing, each_compressing) = measure(port, offer);

    println!("{each} bytes for each idle client, {each_compressing} for each that compresses");
    drop((plain, compressing));
    stop.send(()).unwrap();
    runtime.block_on(node).unwrap().unwrap();
    drop(profiler);
    assert!(each <= BYTES_MAX, "{each} bytes for each idle client");
    // A state of compression would be a hundred times as much.
    assert!(
        each_compressing <= BYTES_MAX,
        "{each_compressing} bytes for each that compresses"
    );
}
