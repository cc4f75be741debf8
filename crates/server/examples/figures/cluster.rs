//! Three `raftwire serve` processes, and an edge.

use std::error::Error;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use raftwire_environment::Environment;
use raftwire_server::ClusterReport;
use raftwire_server::http_client::HttpClient;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Nodes that vote, and that everybody lists.
pub(crate) const NODES: usize = 3;
/// The node after them: it is started where an edge is measured.
pub(crate) const EDGE: usize = NODES;
pub(crate) const SECRET: &str = "a secret for one measurement";
/// Ports: the nodes', the edge's, and one for a node inside the program.
const PORTS: usize = NODES + 2;
/// How long a cluster may take to be ready before the measurement is given up.
const READY_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Cluster {
    environment: Environment,
    folder: TempDir,
    pub(crate) ports: [u16; PORTS],
    children: [Option<Child>; EDGE + 1],
}

impl Cluster {
    pub(crate) async fn start(environment: &Environment) -> Result<Cluster, Box<dyn Error>> {
        let ports = free_ports(environment).await;
        let mut cluster = Cluster {
            environment: environment.clone(),
            folder: tempfile::tempdir()?,
            ports,
            children: Default::default(),
        };
        for node in 0..NODES {
            cluster.run(node)?;
        }
        cluster.ready().await?;
        Ok(cluster)
    }

    pub(crate) fn run(&mut self, node: usize) -> Result<(), Box<dyn Error>> {
        let seat = if node == EDGE { "edge" } else { "auto" };
        let child = Command::new(server()?)
            .args(["serve", "--exit-with-stdin", "--client-allow-send"])
            .args(["--client-identity-in-query=true", "--seat", seat])
            .args(["--node-id", &name(node)])
            .args(["--nodes", &self.addresses().join(",")])
            .args(["--node-port", &self.ports[node].to_string()])
            .arg("--data-dir")
            .arg(self.folder.path().join(name(node)))
            .env("RAFTWIRE_SECRET", SECRET)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(self.log(node)?)
            .kill_on_drop(true)
            .spawn()?;
        self.children[node] = Some(child);
        Ok(())
    }

    /// Where the nodes that vote are reached.
    pub(crate) fn addresses(&self) -> Vec<String> {
        (0..NODES)
            .map(|node| format!("ws://127.0.0.1:{}/{}", self.ports[node], name(node)))
            .collect()
    }

    /// Starts an edge that knows nothing; how long until it is a member with a lease.
    pub(crate) async fn join_edge(&mut self) -> Result<Duration, Box<dyn Error>> {
        let began = self.environment.now();
        self.run(EDGE)?;
        loop {
            let elapsed = self.environment.now() - began;
            if self.report(EDGE).await.is_ok_and(|report| report.ready) {
                return Ok(elapsed);
            }
            if elapsed > READY_MAX {
                return Err("the edge is not ready".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops the edge, and removes what it knows. Killed, its name would be kept for it until its
    /// lease ends.
    pub(crate) async fn forget_edge(&mut self) -> Result<(), Box<dyn Error>> {
        if let Some(mut child) = self.children[EDGE].take() {
            drop(child.stdin.take());
            child.wait().await?;
        }
        // A measurement's folder, which nothing else uses.
        #[allow(clippy::disallowed_methods)]
        std::fs::remove_dir_all(self.folder.path().join(name(EDGE)))?;
        Ok(())
    }

    /// A node's log: its end is shown when the node does not become ready.
    fn log(&self, node: usize) -> Result<Stdio, Box<dyn Error>> {
        let path = self.folder.path().join(format!("{}.log", name(node)));
        Ok(std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?
            .into())
    }

    pub(crate) async fn kill(&mut self, node: usize) -> Result<(), Box<dyn Error>> {
        if let Some(mut child) = self.children[node].take() {
            child.kill().await?;
        }
        Ok(())
    }

    pub(crate) fn signal(&self, node: usize, signal: Signal) -> Result<(), Box<dyn Error>> {
        let process = self.children[node].as_ref().and_then(Child::id);
        let process = i32::try_from(process.ok_or("not running")?)?;
        let process = Pid::from_raw(process).ok_or("no process")?;
        Ok(kill_process(process, signal)?)
    }

    pub(crate) async fn report(&self, node: usize) -> Result<ClusterReport, Box<dyn Error>> {
        let url = format!("http://127.0.0.1:{}", self.ports[node]);
        let client = HttpClient::new(self.environment.clone(), &url, None)?;
        Ok(client.get("/api/v1/cluster?connections=local").await?)
    }

    /// Waits until every node holds its lease and sees all others alive.
    pub(crate) async fn ready(&self) -> Result<(), Box<dyn Error>> {
        let deadline = self.environment.now() + READY_MAX;
        for node in 0..NODES {
            loop {
                let report = self.report(node).await;
                let is_ready = |report: &ClusterReport| {
                    report.ready
                        && report.leader.is_some()
                        && report.nodes.iter().filter(|node| node.alive).count() >= NODES
                };
                if report.as_ref().is_ok_and(is_ready) {
                    break;
                }
                if self.environment.now() > deadline {
                    for node in 0..NODES {
                        let path = self.folder.path().join(format!("{}.log", name(node)));
                        let log = self.environment.disk().read(&path)?;
                        eprintln!("--- {}\n{}", name(node), String::from_utf8_lossy(&log));
                    }
                    return Err(format!("{} is not ready: {report:?}", name(node)).into());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    pub(crate) async fn leader(&self) -> Result<usize, Box<dyn Error>> {
        let leader = self.report(0).await?.leader.ok_or("no leader")?;
        (0..NODES)
            .find(|node| name(*node) == leader)
            .ok_or_else(|| "an unknown leader".into())
    }

    /// Resident memory of a node's process, in bytes.
    pub(crate) fn resident_bytes(&self, node: usize) -> Result<u64, Box<dyn Error>> {
        let process = self.children[node]
            .as_ref()
            .and_then(Child::id)
            .ok_or("not running")?;
        let path = PathBuf::from(format!("/proc/{process}/status"));
        let status = self.environment.disk().read(&path)?;
        let status = String::from_utf8(status)?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .ok_or("no VmRSS")?;
        let kib: u64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
        Ok(kib * 1024)
    }
}

/// Ports that nobody listens on. They lie below those that the system hands to whoever dials,
/// so that none is taken while its node is down.
async fn free_ports(environment: &Environment) -> [u16; PORTS] {
    let mut ports = [0; PORTS];
    let mut found = 0;
    while found < PORTS {
        let port = u16::try_from(environment.random_range(12_000..32_000)).unwrap_or_default();
        if !ports.contains(&port) && environment.bind("127.0.0.1", port).await.is_ok() {
            ports[found] = port;
            found += 1;
        }
    }
    ports
}

pub(crate) fn name(node: usize) -> String {
    format!("node{}", node + 1)
}

/// The server that was built beside this program.
fn server() -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?;
    let folder = path.parent().and_then(|examples| examples.parent());
    Ok(folder.ok_or("no folder")?.join("raftwire"))
}
