//! Several nodes that know each other.

use std::sync::Arc;

use raftwire_server::ClusterReport;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use super::{NodeProcess, eventually, free_ports};

/// What the nodes of a test are told beside who they are.
#[derive(Clone, Debug)]
pub struct Settings {
    pub arguments: Vec<String>,
    pub variables: Vec<(String, String)>,
    /// The limit of open files; `None`: that of whoever runs the tests.
    pub open_files: Option<u64>,
    /// What clients speak TLS with; `None`: the ports are in the clear.
    pub tls: Option<Arc<ClientConfig>>,
    /// The authorities of the nodes' certificates.
    pub authorities: Option<Arc<RootCertStore>>,
}

impl Default for Settings {
    /// Clients may send, as in the demonstration.
    fn default() -> Settings {
        Settings {
            arguments: vec!["--client-allow-send".to_owned()],
            variables: Vec::new(),
            open_files: None,
            tls: None,
            authorities: None,
        }
    }
}

impl Settings {
    pub fn with_flag(mut self, name: &str, value: &str) -> Settings {
        self.arguments.push(format!("--{name}={value}"));
        self
    }

    pub fn with_open_files(self, limit: u64) -> Settings {
        Settings {
            open_files: Some(limit),
            ..self
        }
    }

    pub fn with_variable(mut self, name: &str, value: &str) -> Settings {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Several nodes that know each other, each with a data folder of its own.
#[derive(Debug)]
pub struct Cluster {
    // First, so that the processes are gone before their folder goes.
    nodes: Vec<NodeProcess>,
    folder: TempDir,
}

impl Cluster {
    /// `node1`, `node2` and so on, all of them ready.
    pub async fn start(count: usize) -> Cluster {
        Cluster::start_with(count, &Settings::default()).await
    }

    /// The same with other settings.
    pub async fn start_with(count: usize, settings: &Settings) -> Cluster {
        let mut cluster = Cluster::prepare(count, settings).await;
        for node in &mut cluster.nodes {
            node.start();
        }
        for index in 0..count {
            cluster.ready(index).await;
        }
        cluster
    }

    /// The same, with no node started.
    pub async fn prepare(count: usize, settings: &Settings) -> Cluster {
        Cluster::prepare_each(&vec![settings; count]).await
    }

    /// The same, each node with settings of its own.
    pub async fn prepare_each(settings: &[&Settings]) -> Cluster {
        Cluster::prepare_listed(settings, settings.len()).await
    }

    /// Voters, and behind them nodes that take no seat, all of them ready. Only the voters are listed.
    pub async fn start_with_edges(voters: usize, edges: usize) -> Cluster {
        Cluster::start_with_edges_and(voters, edges, &Settings::default()).await
    }

    /// The same with other settings.
    pub async fn start_with_edges_and(voters: usize, edges: usize, settings: &Settings) -> Cluster {
        let edge = settings.clone().with_flag("seat", "edge");
        let settings = [vec![settings; voters], vec![&edge; edges]].concat();
        let mut cluster = Cluster::prepare_listed(&settings, voters).await;
        for node in &mut cluster.nodes {
            node.start();
        }
        for index in 0..cluster.len() {
            cluster.ready(index).await;
        }
        cluster
    }

    /// Each node with settings of its own; the first so many are on everybody's list.
    pub async fn prepare_listed(settings: &[&Settings], listed: usize) -> Cluster {
        let count = settings.len();
        let folder = tempfile::Builder::new()
            .prefix("raftwire-test-")
            .tempdir()
            .unwrap();
        let ports = free_ports(count).await;
        let names: Vec<_> = (1..=count).map(|number| format!("node{number}")).collect();
        let addresses: Vec<_> = names
            .iter()
            .zip(&ports)
            .zip(settings)
            .map(|((name, port), settings)| {
                let scheme = if settings.tls.is_some() { "wss" } else { "ws" };
                format!("{scheme}://127.0.0.1:{port}/{name}")
            })
            .collect();
        let nodes = names
            .iter()
            .zip(&ports)
            .zip(settings)
            .map(|((name, port), settings)| {
                let mut arguments = vec![
                    format!("--node-id={name}"),
                    format!("--node-port={port}"),
                    format!("--nodes={}", addresses[..listed].join(",")),
                    format!("--data-dir={}", folder.path().join(name).display()),
                ];
                arguments.extend(settings.arguments.iter().cloned());
                NodeProcess::new(name, *port, folder.path(), arguments, settings)
            });
        let nodes = nodes.collect();
        Cluster { nodes, folder }
    }

    /// Where a node keeps its data.
    pub fn data_dir(&self, index: usize) -> std::path::PathBuf {
        self.folder.path().join(&self.nodes[index].name)
    }

    pub fn node(&self, index: usize) -> &NodeProcess {
        &self.nodes[index]
    }

    pub fn node_mut(&mut self, index: usize) -> &mut NodeProcess {
        &mut self.nodes[index]
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Starts another process under the name of a node, with a port and a data folder of its own.
    pub async fn impersonate(&self, index: usize) -> NodeProcess {
        let name = &self.nodes[index].name;
        let port = free_ports(1).await[0];
        let addresses: Vec<_> = self
            .nodes
            .iter()
            .map(|node| format!("ws://127.0.0.1:{}/{}", node.port, node.name))
            .collect();
        let folder = self.folder.path().join("imposter");
        std::fs::create_dir(&folder).unwrap();
        let arguments = vec![
            format!("--node-id={name}"),
            format!("--node-port={port}"),
            format!("--nodes={}", addresses.join(",")),
            format!("--data-dir={}", folder.join("data").display()),
        ];
        let mut imposter = NodeProcess::new(name, port, &folder, arguments, &Settings::default());
        imposter.start();
        imposter
    }

    /// `kill -9`.
    pub async fn kill(&mut self, index: usize) {
        self.nodes[index].kill().await;
    }

    /// Starts a node that had ended, with its data, and waits until it is ready.
    pub async fn restart(&mut self, index: usize) {
        self.nodes[index].start();
        self.ready(index).await;
    }

    /// Waits until a node is ready.
    pub async fn ready(&self, index: usize) -> ClusterReport {
        let what = format!("the readiness of {}", self.nodes[index].name);
        self.until(index, &what, |report| report.ready).await
    }

    /// Waits until a node's report is as wanted.
    pub async fn until(
        &self,
        index: usize,
        what: &str,
        wanted: impl Fn(&ClusterReport) -> bool,
    ) -> ClusterReport {
        eventually(what, async || {
            self.nodes[index]
                .report()
                .await
                .ok()
                .filter(|report| wanted(report))
        })
        .await
    }

    /// Waits until one of these nodes says that it leads, and may: its index, and what it says.
    pub async fn leader_among(&self, among: &[usize]) -> (usize, ClusterReport) {
        eventually("an election", async || {
            for index in among {
                let node = &self.nodes[*index];
                let report = node.report().await.ok();
                let leads = |report: &ClusterReport| {
                    report.ready && report.leader.as_deref() == Some(&*node.name)
                };
                if let Some(report) = report.filter(leads) {
                    return Some((*index, report));
                }
            }
            None
        })
        .await
    }
}
