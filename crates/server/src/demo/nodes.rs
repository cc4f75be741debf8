//! The three processes.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use raftwire_environment::Environment;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::broker::PrivateBroker;
use super::{DemoError, DemoOptions, DemoTransport, Narrator, ports};
use crate::cli::Style;
use crate::http_client::HttpClient;

/// How many nodes there are: the fewest of which one may be lost.
pub(super) const NODES: usize = 3;
/// Their names.
pub(super) const NAMES: [&str; NODES] = ["node1", "node2", "node3"];
/// The cluster's name, which keeps it apart from others on the same broker.
const CLUSTER: &str = "demo";
/// How long a node may take to stop when it is asked to, before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Lines of a node's log that are shown when it ended by itself.
const LOG_LINES_SHOWN: usize = 10;

/// The three processes, their folder and ports.
#[derive(Debug)]
pub(super) struct Nodes {
    environment: Environment,
    folder: Option<TempDir>,
    ports: [u16; NODES],
    secret: String,
    children: [Option<Child>; NODES],
    carrier: Carrier,
    /// The broker, where it is the demonstration's own.
    broker: Option<PrivateBroker>,
}

/// What the nodes are told of what carries their traffic.
#[derive(Debug)]
struct Carrier {
    transport: DemoTransport,
    /// The broker, where there is one.
    connection: Option<String>,
    cluster: String,
}

impl Nodes {
    /// Finds ports and a folder; starts nothing.
    pub(super) async fn prepare(
        environment: &Environment,
        narrator: &Narrator,
    ) -> Result<Nodes, DemoError> {
        let found = ports::find(environment).await.map_err(DemoError::Ports)?;
        let folder = tempfile::Builder::new().prefix("raftwire-demo-").tempdir();
        let folder = folder.map_err(DemoError::Folder)?;
        if !found.taken.is_empty() {
            let taken: Vec<_> = found.taken.iter().map(u16::to_string).collect();
            let taken = taken.join(" and ");
            narrator.tell(
                Style::Plain,
                &format!("port {taken} is taken: others are used"),
            );
        }
        narrator.tell(
            Style::Plain,
            &format!("data and logs in {}", folder.path().display()),
        );
        let secret = [environment.random_u64(), environment.random_u64()];
        Ok(Nodes {
            environment: environment.clone(),
            folder: Some(folder),
            ports: found.ports,
            secret: format!("{:016x}{:016x}", secret[0], secret[1]),
            children: Default::default(),
            carrier: Carrier {
                transport: DemoTransport::Ws,
                connection: None,
                cluster: CLUSTER.to_owned(),
            },
            broker: None,
        })
    }

    /// Sees to it that there is what carries the traffic.
    pub(super) async fn connect_over(
        &mut self,
        options: &DemoOptions,
        narrator: &Narrator,
    ) -> Result<(), DemoError> {
        self.carrier.transport = options.transport;
        if let Some(connection) = &options.connection_string {
            let text = format!(
                "{} carries the traffic between the nodes",
                options.transport.name()
            );
            narrator.tell(Style::Plain, &text);
            self.carrier.connection = Some(connection.clone());
            // Others may use the same broker for a demonstration of theirs.
            let number = self.environment.random_u64() >> 32;
            self.carrier.cluster = format!("{CLUSTER}-{number:08x}");
            return Ok(());
        }
        let ports = ports::others(&self.environment, &self.ports).await;
        let ports = ports.map_err(DemoError::Ports)?;
        let folder = self.path("broker");
        let started = PrivateBroker::start(&self.environment, options.transport, ports, folder);
        if let Some(broker) = started.await? {
            let text = format!("a private {} starts, port {}", broker.name, broker.port);
            narrator.tell(Style::Plain, &text);
            self.carrier.connection = Some(broker.connection.clone());
            self.broker = Some(broker);
        }
        Ok(())
    }

    pub(super) fn port(&self, index: usize) -> u16 {
        self.ports[index]
    }

    pub(super) fn url(&self, index: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[index])
    }

    /// What a node is asked with.
    pub(super) fn http(&self, index: usize) -> Result<HttpClient, DemoError> {
        Ok(HttpClient::new(
            self.environment.clone(),
            &self.url(index),
            None,
        )?)
    }

    /// Starts a node with the data that it has, if any. Returns its process id.
    pub(super) fn start(&mut self, index: usize) -> Result<u32, DemoError> {
        let node = NAMES[index];
        let log = self.log(index).map_err(DemoError::Folder)?;
        let child = self
            .command(index, log)
            .and_then(|mut command| command.spawn());
        let child = child.map_err(|source| DemoError::Process { node, source })?;
        let process = child.id().unwrap_or_default();
        self.children[index] = Some(child);
        Ok(process)
    }

    fn command(&self, index: usize, log: File) -> io::Result<Command> {
        let address = |index: usize| match self.carrier.transport {
            DemoTransport::Ws => format!("ws://127.0.0.1:{}/{}", self.ports[index], NAMES[index]),
            // Who says hello on the broker is found by its name.
            DemoTransport::Redis | DemoTransport::RabbitMQ => NAMES[index].to_owned(),
        };
        let peers: Vec<_> = (0..NODES)
            .filter(|other| *other != index)
            .map(address)
            .collect();
        let mut command = Command::new(std::env::current_exe()?);
        for (name, _) in std::env::vars_os() {
            // What the person has set for nodes of their own is not for these.
            if name.to_string_lossy().starts_with("RAFTWIRE_") {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--exit-with-stdin", "--client-allow-send"])
            .args(["--client-allow-join", "--client-identity-in-query"])
            .args(["--node-id", NAMES[index]])
            .args(["--cluster-name", &self.carrier.cluster])
            .args(["--transport-type", self.carrier.transport.name()])
            .args(["--node-port", &self.ports[index].to_string()])
            .args(["--nodes", &peers.join(",")])
            .arg("--data-dir")
            .arg(self.path(NAMES[index]))
            .env("RAFTWIRE_SECRET", &self.secret)
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        let variable = self.carrier.transport.variable();
        if let (Some(variable), Some(connection)) = (variable, &self.carrier.connection) {
            command.env(variable, connection);
        }
        Ok(command)
    }

    fn path(&self, name: &str) -> PathBuf {
        let folder = self.folder.as_ref().map(TempDir::path);
        folder
            .unwrap_or_else(|| std::path::Path::new("."))
            .join(name)
    }

    fn log(&self, index: usize) -> io::Result<File> {
        let path = self.path(&format!("{}.log", NAMES[index]));
        OpenOptions::new().create(true).append(true).open(path)
    }

    /// `kill -9`. Returns when the process is gone.
    pub(super) async fn kill(&mut self, index: usize) -> Result<(), DemoError> {
        let node = NAMES[index];
        match self.children[index].take() {
            Some(mut child) => child
                .kill()
                .await
                .map_err(|source| DemoError::Process { node, source }),
            None => Ok(()),
        }
    }

    /// No node has ended that nobody has killed.
    pub(super) fn check(&mut self) -> Result<(), DemoError> {
        for (node, child) in NAMES.into_iter().zip(&mut self.children) {
            let Some(child) = child else { continue };
            let ended = child
                .try_wait()
                .map_err(|source| DemoError::Process { node, source })?;
            if let Some(status) = ended {
                let log = self.end_of_log(node);
                return Err(DemoError::Ended {
                    node,
                    status: status.to_string(),
                    log,
                });
            }
        }
        Ok(())
    }

    fn end_of_log(&self, node: &str) -> String {
        let log = self
            .environment
            .disk()
            .read(&self.path(&format!("{node}.log")));
        let log = log.unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }

    /// Stops all nodes and the broker, and removes the folder, or, `keep`, leaves it and says where it is.
    pub(super) async fn end(&mut self, keep: bool) -> Option<PathBuf> {
        for child in self.children.iter_mut().flatten() {
            // The end of its standard input is what tells it to stop.
            drop(child.stdin.take());
        }
        for child in self.children.iter_mut().filter_map(Option::take) {
            let mut child = child;
            if tokio::time::timeout(STOP_TIMEOUT, child.wait())
                .await
                .is_err()
            {
                drop(child.kill().await);
            }
        }
        if let Some(broker) = self.broker.take() {
            broker.end().await;
        }
        let folder = self.folder.take()?;
        keep.then(|| folder.keep())
    }
}
