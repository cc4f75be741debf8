//! A broker of the demonstration's own.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use raftwire_environment::Environment;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::DemoError;
use super::transport::DemoTransport;

/// How long a broker may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// From one look to the next.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long it may take to stop when it is asked to, before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Where every system has it; the person's `PATH` may lead anywhere.
const SHELL: &str = "/bin/sh";

/// Runs what follows for as long as somebody holds the other end of standard input: a process that
/// is killed can end nobody, but its pipes close.
const GUARD: &str =
    r#""$@" & broker=$!; cat >/dev/null; kill "$broker" 2>/dev/null; wait "$broker""#;

/// How a broker is started.
struct Launch {
    /// For people.
    name: &'static str,
    program: &'static str,
    /// The package of Debian that has it.
    package: &'static str,
    /// What a connection string to one of one's own looks like.
    example: &'static str,
    arguments: Vec<String>,
    connection: String,
}

impl Launch {
    /// `None`: the transport needs no broker.
    fn of(transport: DemoTransport, port: u16, folder: &Path) -> Option<Launch> {
        match transport {
            DemoTransport::Ws => None,
            DemoTransport::Redis => Some(redis(port, folder)),
        }
    }
}

/// Nothing is kept on disk.
fn redis(port: u16, folder: &Path) -> Launch {
    let (port_text, folder) = (port.to_string(), folder.display().to_string());
    let arguments = [
        "--port",
        &port_text,
        "--bind",
        "127.0.0.1",
        "--dir",
        &folder,
    ];
    let ephemeral = ["--save", "", "--appendonly", "no"];
    let arguments = arguments.iter().chain(&ephemeral);
    Launch {
        name: "Redis server",
        program: "redis-server",
        package: "redis-server",
        example: "redis://127.0.0.1:6379",
        arguments: arguments.map(|argument| (*argument).to_owned()).collect(),
        connection: format!("redis://127.0.0.1:{port}"),
    }
}

/// A running broker. It ends with whoever holds this, in whatever way that ends.
#[derive(Debug)]
pub(super) struct PrivateBroker {
    pub(super) name: &'static str,
    pub(super) connection: String,
    guard: Child,
}

impl PrivateBroker {
    /// Starts a broker in this folder, which it makes, and waits until it answers. `None`: the transport
    /// needs none.
    pub(super) async fn start(
        environment: &Environment,
        transport: DemoTransport,
        port: u16,
        folder: PathBuf,
    ) -> Result<Option<PrivateBroker>, DemoError> {
        let Some(launch) = Launch::of(transport, port, &folder) else {
            return Ok(None);
        };
        let made = environment.disk().create_dir_all(&folder);
        made.map_err(DemoError::Folder)?;
        if !is_installed(launch.program).await {
            return Err(DemoError::NoBroker {
                program: launch.program,
                package: launch.package,
                example: launch.example,
            });
        }
        let log = folder.join("broker.log");
        let failed = |source| DemoError::Process {
            node: launch.name,
            source,
        };
        let guard = spawn(&launch, &log).map_err(failed)?;
        let broker = PrivateBroker {
            name: launch.name,
            connection: launch.connection,
            guard,
        };
        broker.answers(environment, port).await?;
        Ok(Some(broker))
    }

    async fn answers(&self, environment: &Environment, port: u16) -> Result<(), DemoError> {
        let deadline = environment.now() + START_TIMEOUT;
        while environment.connect("127.0.0.1", port).await.is_err() {
            if environment.now() >= deadline {
                return Err(DemoError::TooLate {
                    what: format!("an answer of the private {}", self.name),
                    seconds: START_TIMEOUT.as_secs(),
                });
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        Ok(())
    }

    /// Ends it, and returns when it is gone.
    pub(super) async fn end(mut self) {
        drop(self.guard.stdin.take());
        let ended = tokio::time::timeout(STOP_TIMEOUT, self.guard.wait()).await;
        if ended.is_ok() {
            return;
        }
        let group = self.guard.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = group.and_then(Pid::from_raw) {
            // It may have ended at last.
            let _ = kill_process_group(group, Signal::KILL);
        }
        drop(self.guard.wait().await);
    }
}

async fn is_installed(program: &str) -> bool {
    let mut asking = Command::new(SHELL);
    asking.args(["-c", "command -v \"$1\"", "sh", program]);
    asking.stdout(Stdio::null()).stderr(Stdio::null());
    asking.status().await.is_ok_and(|status| status.success())
}

fn spawn(launch: &Launch, log: &Path) -> io::Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    Command::new(SHELL)
        .args(["-c", GUARD, "sh", launch.program])
        .args(&launch.arguments)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C is for the demonstration, which ends the nodes first.
        .process_group(0)
        .spawn()
}
