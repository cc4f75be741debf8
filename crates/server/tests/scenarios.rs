//! The scenarios of `examples/scenarios`: their own files and the commands of their own pages.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // it reads the repository

mod support;

#[path = "../../transport-rabbitmq/tests/common/rabbitmq_server.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]
mod rabbitmq_server;
#[path = "../../transport-redis/tests/common/redis_server.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]
mod redis_server;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use rabbitmq_server::RabbitMQServer;
use raftwire_environment::Environment;
use raftwire_server::ClusterReport;
use raftwire_server::http_client::HttpClient;
use redis_server::RedisServer;
use support::{WAIT_MAX, eventually, free_ports, raftwire};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The ports that the files name, one a node.
const PORTS: [u16; 3] = [5000, 5001, 5002];

/// How the pages call the server.
const PROGRAM: &str = "./target/release/raftwire";

/// What the last command of each page sends.
const MESSAGE: &str = "hello from node1";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The commands of a page: every line of its blocks of shell, in words.
fn commands(page: &str) -> Vec<Vec<String>> {
    let blocks = page.split("```").skip(1).step_by(2);
    let lines = blocks.filter_map(|block| block.strip_prefix("sh\n"));
    lines.flat_map(str::lines).map(words).collect()
}

/// A line as the shell would split it, as far as the pages need it.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, part) in line.split('"').enumerate() {
        if index % 2 == 1 {
            words.last_mut().unwrap().push_str(part);
            continue;
        }
        let mut pieces = part.split(' ');
        words.last_mut().unwrap().push_str(pieces.next().unwrap());
        words.extend(pieces.map(str::to_owned));
    }
    words
}

/// The server, where the pages have it run.
fn program() -> Command {
    let mut command = raftwire();
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// What carries the nodes' traffic, where a broker does.
enum Broker {
    Redis(RedisServer),
    RabbitMQ(RabbitMQServer),
}

impl Broker {
    /// The variable that tells a node of it.
    fn variable(&self) -> (&'static str, String) {
        match self {
            Broker::Redis(server) => ("RAFTWIRE_REDIS_CONNECTION_STRING", server.url()),
            Broker::RabbitMQ(server) => ("RAFTWIRE_RABBITMQ_CONNECTION_STRING", server.url()),
        }
    }

    /// The names on it that the nodes listen to.
    fn names(&self) -> String {
        match self {
            Broker::Redis(server) => server.ask(&["PUBSUB", "CHANNELS"]),
            Broker::RabbitMQ(server) => server.ctl(&["list_queues", "name"]),
        }
    }
}

/// One scenario as it is played, on ports and in folders of its own.
struct Stage {
    ports: Vec<u16>,
    variables: Vec<(String, String)>,
    broker: Option<Broker>,
    nodes: Vec<Child>,
    listener: Option<(Child, Lines<BufReader<ChildStdout>>)>,
    /// Last, so that the processes are gone before it goes.
    folder: TempDir,
}

impl Stage {
    async fn new() -> Stage {
        Stage {
            ports: free_ports(PORTS.len()).await,
            variables: Vec::new(),
            broker: None,
            nodes: Vec::new(),
            listener: None,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A text of a file or a page with this stage's ports.
    fn moved(&self, text: &str) -> String {
        let ports = PORTS.iter().zip(&self.ports);
        ports.fold(text.to_owned(), |text, (from, to)| {
            text.replace(&format!(":{from}"), &format!(":{to}"))
        })
    }

    async fn play(&mut self, command: &[String]) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["export", assignment] => {
                let (name, value) = assignment.split_once('=').unwrap();
                self.variables.push((name.to_owned(), value.to_owned()));
            }
            ["redis-server", settings @ ..] => {
                self.broker = Some(Broker::Redis(RedisServer::start_with(settings)));
            }
            ["rabbitmq-server"] => {
                self.broker = Some(Broker::RabbitMQ(RabbitMQServer::start()));
            }
            [PROGRAM, "serve", "--config", file] => self.serve(file),
            [PROGRAM, "listen", rest @ ..] => self.listen(rest).await,
            [PROGRAM, rest @ ..] => self.ask(rest).await,
            other => panic!("a command that is not run: {other:?}"),
        }
    }

    /// Starts a node from its very file: only ports, folder and broker are this stage's.
    fn serve(&mut self, file: &str) {
        let config: toml::Table =
            toml::from_str(&std::fs::read_to_string(root().join(file)).unwrap()).unwrap();
        let port = config["node_port"].as_integer().unwrap();
        let index = PORTS.iter().position(|known| i64::from(*known) == port);
        let listed = config["nodes"].as_array().unwrap().iter();
        let listed: Vec<_> = listed
            .map(|node| self.moved(node.as_str().unwrap()))
            .collect();
        let node = config["node_id"].as_str().unwrap();
        let mut command = program();
        command
            .args(["serve", "--config", file])
            .envs(self.variables.iter().cloned())
            .env("RAFTWIRE_NODE_PORT", self.ports[index.unwrap()].to_string())
            .env("RAFTWIRE_NODES", listed.join(","))
            .env("RAFTWIRE_DATA_DIR", self.folder.path().join(node))
            .stderr(std::fs::File::create(self.folder.path().join(format!("{node}.log"))).unwrap());
        if let Some(broker) = &self.broker {
            let (variable, url) = broker.variable();
            command.env(variable, url);
        }
        self.nodes.push(command.spawn().unwrap());
    }

    async fn ready(&self) {
        for port in &self.ports {
            let url = format!("http://127.0.0.1:{port}");
            let client = HttpClient::new(Environment::real(), &url, None).unwrap();
            eventually("readiness", async || {
                let report = client.get::<ClusterReport>("/api/v1/cluster").await.ok()?;
                let alive = report.nodes.iter().filter(|node| node.alive).count();
                (report.ready && alive == self.ports.len()).then_some(())
            })
            .await;
        }
    }

    async fn listen(&mut self, arguments: &[&str]) {
        let mut command = program();
        command.arg("listen").stdout(Stdio::piped());
        command.args(arguments.iter().map(|word| self.moved(word)));
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = tokio::time::timeout(WAIT_MAX, lines.next_line()).await;
        let first = first.expect("in time").unwrap().expect("a line");
        assert!(first.starts_with("connected to node3 as ~"), "{first}");
        self.listener = Some((child, lines));
    }

    /// Runs a command to its end, which must be a success.
    async fn ask(&mut self, arguments: &[&str]) {
        self.ready().await;
        let mut command = program();
        command.args(arguments.iter().map(|word| self.moved(word)));
        let output = tokio::time::timeout(WAIT_MAX, command.output()).await;
        let output = output.expect("in time").unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    /// Plays a whole page, to the message's arrival.
    async fn play_all(&mut self, scenario: &str) {
        let page = root().join("examples/scenarios").join(scenario);
        let page = std::fs::read_to_string(page.join("README.md")).unwrap();
        let commands = commands(&page);
        for command in &commands {
            self.play(command).await;
        }

        assert_eq!(self.nodes.len(), PORTS.len(), "{commands:?}");
        let last = commands.last().expect("commands");
        assert_eq!(last.last().map(String::as_str), Some(MESSAGE));
        let (_, lines) = self.listener.as_mut().expect("somebody listens");
        let heard = tokio::time::timeout(WAIT_MAX, lines.next_line()).await;
        assert_eq!(heard.expect("in time").unwrap().as_deref(), Some(MESSAGE));
        for node in &mut self.nodes {
            assert!(matches!(node.try_wait(), Ok(None)), "a node has ended");
        }
    }
}

#[tokio::test]
async fn three_nodes_on_websocket() {
    let mut stage = Stage::new().await;
    stage.play_all("ws").await;
    assert!(stage.broker.is_none());
}

#[tokio::test]
async fn three_nodes_over_redis() {
    let mut stage = Stage::new().await;
    stage.play_all("redis").await;
    let broker = stage.broker.as_ref().expect("a broker");
    let channels = broker.names();
    assert!(channels.contains("control"), "{channels}");
}

#[tokio::test]
async fn three_nodes_over_rabbitmq() {
    let mut stage = Stage::new().await;
    stage.play_all("rabbitmq").await;
    let broker = stage.broker.as_ref().expect("a broker");
    let queues = broker.names();
    for node in ["node1", "node2", "node3"] {
        let queue = format!(".control.{node}.");
        assert!(queues.contains(&queue), "{queues}");
    }
}

#[tokio::test]
async fn three_nodes_on_websocket_and_redis() {
    let mut stage = Stage::new().await;
    stage.play_all("ws-and-redis").await;
    let broker = stage.broker.as_ref().expect("a broker");
    let channels = broker.names();
    assert!(
        channels.contains("data") && !channels.contains("control"),
        "{channels}"
    );
}

#[test]
fn every_scenario_has_its_test() {
    let mut found: Vec<String> = std::fs::read_dir(root().join("examples/scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, ["rabbitmq", "redis", "ws", "ws-and-redis"]);
}
