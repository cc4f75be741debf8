//! A private server, started and ended by its own id.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Only a server that does not start takes this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a port that somebody else took first is replaced by another one.
const PORTS_MAX: usize = 10;

/// Ports of servers; those of the tests of whole nodes are below.
const PORTS: Range<u16> = 22_000..32_000;

pub struct RedisServer {
    pub port: u16,
    program: &'static str,
    arguments: Vec<String>,
    dir: TempDir,
    child: Child,
}

impl RedisServer {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with further settings, as on its command line.
    pub fn start_with(settings: &[&str]) -> Self {
        // On the command line every word of a setting is an argument.
        let words = settings
            .iter()
            .flat_map(|setting| setting.split_whitespace());
        let words: Vec<String> = words.map(str::to_owned).collect();
        Self::start_program("redis-server", &|_, _| words.clone())
    }

    /// A server whose settings depend on its port and its folder.
    pub fn start_program(
        program: &'static str,
        settings: &dyn Fn(u16, &std::path::Path) -> Vec<String>,
    ) -> Self {
        for _ in 0..PORTS_MAX {
            let port = free_port();
            let dir = tempfile::tempdir().unwrap();
            let arguments = settings(port, dir.path());
            let child = launch(program, port, &dir, &arguments);
            let mut server = Self {
                port,
                program,
                arguments,
                dir,
                child,
            };
            if server.is_up_in_time() {
                return server;
            }
        }
        panic!("{program} found no free port");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends the process at once, as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same port.
    pub fn restart(&mut self) {
        self.child = launch(self.program, self.port, &self.dir, &self.arguments);
        assert!(self.is_up_in_time(), "it does not start again");
    }

    /// Stops the process for a while; the system keeps its connections.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(status.success());
    }

    /// Asks the server something with its own client; returns the answer.
    pub fn ask(&self, command: &[&str]) -> String {
        let mut client = Command::new("redis-cli");
        let port = self.port.to_string();
        client.args(["-h", "127.0.0.1", "-p", &port]).args(command);
        let output = client.output().expect("redis-cli comes with redis-server");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until it answers; false when it has ended instead, which a port that is taken does.
    fn is_up_in_time(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            // With TLS only, or a password, it answers with an error, which is an answer too.
            let connected = std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
            if connected.is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server on port {} does not answer", self.port);
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have been ended by the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(program: &str, port: u16, dir: &TempDir, arguments: &[String]) -> Child {
    let mut server = Command::new(program);
    if program == "redis-server" {
        server.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        server.arg("--dir").arg(dir.path());
        server.args(["--save", "", "--appendonly", "no"]);
    }
    let child = server
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.unwrap_or_else(|error| {
        panic!("{program}: {error}. Install it: apt install redis-server redis-sentinel")
    })
}

/// Below those that the system hands to whoever dials: a broker that was killed finds its port free when
/// it comes back.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another process, another beginning.
    let start = (std::process::id() as u16).wrapping_mul(97);
    loop {
        let next = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + next % (PORTS.end - PORTS.start);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
