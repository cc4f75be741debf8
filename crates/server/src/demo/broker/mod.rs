//! A broker of the demonstration's own.

mod rabbitmq;
mod redis;

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use raftwire_environment::Environment;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::DemoError;
use super::transport::DemoTransport;

/// How long a broker may take until it answers: RabbitMQ needs seconds of both cores, which may be busy.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// From one look to the next.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long it may take to stop when it is asked to, before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Where every system has it; the person's `PATH` may lead anywhere.
const SHELL: &str = "/bin/sh";

/// Runs the second and following arguments, and the first as a command line of the shell beside them, for
/// as long as somebody holds the other end of standard input: a process that is killed can end nobody,
/// but its pipes close.
const GUARD: &str = r#"
    companion=
    if test -n "$1"; then $1 & companion=$!; fi
    shift
    "$@" & broker=$!
    cat >/dev/null
    kill "$broker" 2>/dev/null
    wait "$broker"
    test -z "$companion" || kill "$companion"
"#;

/// How a broker is started.
pub(super) struct Launch {
    /// For people.
    pub(super) name: &'static str,
    /// Where the program may be, the likeliest place first.
    pub(super) programs: &'static [&'static str],
    /// The package of Debian that has it.
    pub(super) package: &'static str,
    /// What a connection string to one of one's own looks like.
    pub(super) example: &'static str,
    pub(super) arguments: Vec<String>,
    pub(super) variables: Vec<(&'static str, String)>,
    /// What else has to run, in words without blanks.
    pub(super) companion: Option<String>,
    pub(super) connection: String,
    /// What the broker reads, by the name of the file.
    pub(super) files: Vec<(&'static str, String)>,
}

impl Launch {
    /// `None`: the transport needs no broker.
    fn of(transport: DemoTransport, ports: BrokerPorts, folder: &Path) -> Option<Launch> {
        match transport {
            DemoTransport::Ws => None,
            DemoTransport::Redis => Some(redis::launch(ports, folder)),
            DemoTransport::RabbitMQ => Some(rabbitmq::launch(ports, folder)),
        }
    }

    /// The first of the programs that is there.
    async fn program(&self) -> Option<&'static str> {
        for program in self.programs {
            if is_installed(program).await {
                return Some(program);
            }
        }
        None
    }
}

/// Ports that a broker may use; its clients come by the first.
pub(super) type BrokerPorts = [u16; 3];

/// A running broker. It ends with whoever holds this, in whatever way that ends.
#[derive(Debug)]
pub(super) struct PrivateBroker {
    pub(super) name: &'static str,
    pub(super) port: u16,
    pub(super) connection: String,
    guard: Child,
}

impl PrivateBroker {
    /// Starts a broker in this folder, which it makes, and waits until it answers. `None`: the transport
    /// needs none.
    pub(super) async fn start(
        environment: &Environment,
        transport: DemoTransport,
        ports: BrokerPorts,
        folder: PathBuf,
    ) -> Result<Option<PrivateBroker>, DemoError> {
        let Some(launch) = Launch::of(transport, ports, &folder) else {
            return Ok(None);
        };
        let Some(program) = launch.program().await else {
            return Err(DemoError::NoBroker {
                broker: launch.name,
                package: launch.package,
                example: launch.example,
            });
        };
        let failed = |source| DemoError::Process {
            node: launch.name,
            source,
        };
        prepare(&launch, &folder).map_err(DemoError::Folder)?;
        let guard = spawn(&launch, program, &folder.join("broker.log")).map_err(failed)?;
        let broker = PrivateBroker {
            name: launch.name,
            port: ports[0],
            connection: launch.connection,
            guard,
        };
        broker.answers(environment).await?;
        Ok(Some(broker))
    }

    async fn answers(&self, environment: &Environment) -> Result<(), DemoError> {
        let deadline = environment.now() + START_TIMEOUT;
        while environment.connect("127.0.0.1", self.port).await.is_err() {
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

fn prepare(launch: &Launch, folder: &Path) -> io::Result<()> {
    DirBuilder::new().create(folder)?;
    for (name, text) in &launch.files {
        let mut file = OpenOptions::new();
        let mut file = file.create_new(true).write(true).open(folder.join(name))?;
        file.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn spawn(launch: &Launch, program: &str, log: &Path) -> io::Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    Command::new(SHELL)
        .args(["-c", GUARD, "sh"])
        .arg(launch.companion.as_deref().unwrap_or_default())
        .arg(program)
        .args(&launch.arguments)
        .envs(launch.variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C is for the demonstration, which ends the nodes first.
        .process_group(0)
        .spawn()
}
