use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Only a server that does not start takes this long.
const READY_MAX: Duration = Duration::from_secs(30);
/// From one look to the next.
const LOOK: Duration = Duration::from_millis(10);
/// How long a server may take for an answer while it starts.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Of a log that is told.
const LOG_BYTES_TOLD: usize = 2_000;
/// Ports below those that the system hands to whoever dials.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// A server, which ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    /// As it is told of.
    pub(crate) name: String,
    child: Child,
    log: PathBuf,
}

/// A server that did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("{program} cannot be run: {error}")]
    Run { program: String, error: io::Error },
    #[error("{name} is not ready after {} s: {log}", READY_MAX.as_secs())]
    NotReady { name: String, log: String },
    #[error("{name} has ended: {log}")]
    Ended { name: String, log: String },
    #[error("what a server needs cannot be written: {0}")]
    Folder(#[from] io::Error),
    #[error("not a port: {0:?}")]
    Port(String),
}

impl Process {
    /// Starts a server that keeps its words in a log of this folder.
    pub(crate) fn start(
        name: &str,
        folder: &Path,
        command: &mut Command,
    ) -> Result<Process, StartError> {
        Process::start_with(name, folder, command, Stdio::null())
    }

    /// Starts one of the limits; the port that it prints.
    pub(crate) fn start_limit(
        name: &str,
        folder: &Path,
        command: &mut Command,
    ) -> Result<(Process, u16), StartError> {
        let mut process = Process::start_with(name, folder, command, Stdio::piped())?;
        let mut line = String::new();
        if let Some(stdout) = process.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        match line.trim().parse() {
            Ok(port) => Ok((process, port)),
            Err(_) => Err(StartError::Port(line)),
        }
    }

    fn start_with(
        name: &str,
        folder: &Path,
        command: &mut Command,
        stdout: Stdio,
    ) -> Result<Process, StartError> {
        let log = folder.join(format!("{name}.log"));
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(File::create(&log)?)
            .spawn();
        Ok(Process {
            name: name.to_owned(),
            child: child.map_err(|error| StartError::Run { program, error })?,
            log,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it listens there.
    pub(crate) fn listens(&mut self, port: u16) -> Result<(), StartError> {
        self.until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())
    }

    /// Waits until it answers 200 there.
    pub(crate) fn answers(&mut self, port: u16, path: &str) -> Result<(), StartError> {
        self.until(|| answers(port, path).unwrap_or(false))
    }

    fn until(&mut self, is_so: impl Fn() -> bool) -> Result<(), StartError> {
        let begin = Instant::now();
        while !is_so() {
            let name = self.name.clone();
            if self.child.try_wait()?.is_some() {
                let log = self.log();
                return Err(StartError::Ended { name, log });
            }
            if begin.elapsed() > READY_MAX {
                let log = self.log();
                return Err(StartError::NotReady { name, log });
            }
            sleep(LOOK);
        }
        Ok(())
    }

    /// The end of what it has said.
    fn log(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let begin = log.len().saturating_sub(LOG_BYTES_TOLD);
        String::from_utf8_lossy(&log[begin..]).trim().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already, or going now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answers(port: u16, path: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    )?;
    let mut begin = [0; 12];
    stream.read_exact(&mut begin)?;
    Ok(begin.ends_with(b" 200"))
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let process = std::process::id() as u16;
        let drawn = NEXT
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(process.wrapping_mul(97));
        let port = PORTS.start + drawn % (PORTS.end - PORTS.start);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
