//! The commands of `docs/operations.md`, run in the order of the page.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // it reads the repository

mod support;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use raftwire_environment::Environment;
use raftwire_server::ClusterReport;
use raftwire_server::http_client::HttpClient;
use serde_json::json;
use support::{Client, WAIT_MAX, eventually, free_ports, raftwire, run};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The ports that the pages name, one a node.
const PORTS: [u16; 4] = [5000, 5001, 5002, 5003];

fn read(page: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(page)).unwrap()
}

/// The blocks of a page: what stands behind the fence, and the lines without their indentation.
fn blocks(page: &str) -> Vec<(String, Vec<String>)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().map(str::trim_start);
    while let Some(line) = lines.next() {
        if let Some(mark) = line.strip_prefix("```") {
            let inside = lines.by_ref().take_while(|line| *line != "```");
            blocks.push((mark.to_owned(), inside.map(str::to_owned).collect()));
        }
    }
    blocks
}

/// The nodes of the pages, on ports and in a folder of the test's own.
struct Stage {
    ports: Vec<u16>,
    nodes: Vec<(String, Child)>,
    /// Last, so that the processes are gone before it goes.
    folder: TempDir,
}

impl Stage {
    /// With the files that README.md and the page show.
    async fn new(page: &[(String, Vec<String>)]) -> Stage {
        let stage = Stage {
            ports: free_ports(PORTS.len()).await,
            nodes: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
        };
        let readme = blocks(&read("README.md"));
        let node1 = |(mark, lines): &&(String, Vec<String>)| {
            mark == "toml" && lines.iter().any(|line| line == "node_port = 5000")
        };
        let (_, node1) = readme.iter().find(node1).expect("node1.toml");
        let node1 = node1.join("\n");
        for (name, port) in [("node1", "5000"), ("node2", "5001"), ("node3", "5002")] {
            let own = node1
                .replace("node_id = \"node1\"", &format!("node_id = \"{name}\""))
                .replace("node_port = 5000", &format!("node_port = {port}"));
            stage.write(&format!("{name}.toml"), &own);
        }
        for (mark, lines) in page {
            if let Some(file) = mark.strip_prefix("toml ") {
                stage.write(file, &lines.join("\n"));
            }
        }
        stage
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), self.moved(text)).unwrap();
    }

    /// A text with this stage's ports.
    fn moved(&self, text: &str) -> String {
        let is_digit = |c: char| c.is_ascii_digit();
        let mut moved = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(is_digit) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|c| !is_digit(c)).unwrap_or(from.len());
            let (number, after) = from.split_at(end);
            let known = PORTS.iter().position(|port| port.to_string() == number);
            moved.push_str(before);
            moved.push_str(&known.map_or(number.to_owned(), |at| self.ports[at].to_string()));
            rest = after;
        }
        moved + rest
    }

    fn port(&self, node: &str) -> u16 {
        let nodes = ["node1", "node2", "node3", "edge1"];
        self.ports[nodes.iter().position(|known| *known == node).unwrap()]
    }

    /// The command as the shell reads it, in the stage's folder.
    fn shell(&self, line: &str) -> Command {
        let program = PathBuf::from(raftwire().as_std().get_program());
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", program.parent().unwrap().display());
        let mut command = Command::new("sh");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RAFTWIRE_") {
                command.env_remove(name);
            }
        }
        command
            .args(["-c", line])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env(
                "RAFTWIRE_URL",
                format!("http://127.0.0.1:{}", self.ports[0]),
            )
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    async fn run(&self, line: &str) -> Output {
        let output = tokio::time::timeout(WAIT_MAX, self.shell(line).output()).await;
        output.expect("in time").unwrap()
    }

    /// Runs it; what it says.
    async fn succeed(&self, line: &str) -> String {
        let output = self.run(line).await;
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts the node that the command serves. Its clients are believed who they say they are, so that there
    /// is somebody to send to.
    fn serve(&mut self, line: &str) {
        let words = line.split_once("--config ").expect(line).1;
        let name = words.strip_suffix(".toml").expect(line).to_owned();
        let log = std::fs::File::create(self.folder.path().join(format!("{name}.log"))).unwrap();
        let mut command = self.shell(&format!("exec {line}"));
        command
            .env("RAFTWIRE_CLIENT_IDENTITY_IN_QUERY", "true")
            .env("RAFTWIRE_CLIENT_ALLOW_JOIN", "true")
            .stdout(Stdio::null())
            .stderr(log);
        self.nodes.push((name, command.spawn().unwrap()));
    }

    /// SIGTERM, or SIGKILL, and waits until it is gone.
    async fn end(&mut self, node: &str, signal: rustix::process::Signal) {
        let at = self.nodes.iter().position(|(name, _)| name == node);
        let (_, mut child) = self.nodes.remove(at.expect(node));
        let process = i32::try_from(child.id().expect(node)).unwrap();
        let process = rustix::process::Pid::from_raw(process).unwrap();
        rustix::process::kill_process(process, signal).unwrap();
        let ended = tokio::time::timeout(WAIT_MAX, child.wait()).await;
        ended.expect("it ends").unwrap();
    }

    /// Waits until a node is ready, and holds these alive.
    async fn ready(&self, node: &str, alive: &[&str]) {
        let url = format!("http://127.0.0.1:{}", self.port(node));
        let http = HttpClient::new(Environment::real(), &url, None).unwrap();
        eventually("readiness", async || {
            let report = http.get::<ClusterReport>("/api/v1/cluster").await.ok()?;
            let living = report.nodes.iter().filter(|node| node.alive);
            let living: Vec<_> = living.map(|node| node.node.as_str()).collect();
            (report.ready && living == alive).then_some(())
        })
        .await;
    }

    /// Plays a block of commands, from what is so before it on the page to what is so behind it.
    async fn play(&mut self, mark: &str, lines: &[&str]) {
        match (mark, lines) {
            ("founding", [status]) => self.found(status).await,
            ("members", [nodes]) => {
                let said = self.succeed(nodes).await;
                let listed = ["node1", "node2", "node3"].map(|node| said.contains(node));
                assert_eq!(listed, [true; 3], "{said}");
            }
            ("growing", [check, serve]) => {
                self.succeed(check).await;
                self.serve(serve);
                self.ready("edge1", &["edge1", "node1", "node2", "node3"])
                    .await;
            }
            ("telling", lines) => self.tell(lines).await,
            ("removing", [remove]) => {
                self.end("node3", rustix::process::Signal::TERM).await;
                self.ready("node1", &["edge1", "node1", "node2"]).await;
                self.succeed(remove).await;
                let said = self.succeed("raftwire nodes").await;
                assert!(!said.contains("node3"), "{said}");
            }
            ("recovering", [ask, yes]) => {
                for node in ["edge1", "node1", "node2"] {
                    self.end(node, rustix::process::Signal::KILL).await;
                }
                let asked = self.run(ask).await;
                assert_eq!(asked.status.code(), Some(1), "{asked:?}");
                self.succeed(yes).await;
            }
            ("returning", [first, away, next]) => {
                self.serve(first);
                self.ready("node1", &["node1"]).await;
                self.succeed(away).await;
                self.serve(next);
                self.ready("node2", &["node1", "node2"]).await;
            }
            other => panic!("a block that nobody plays: {other:?}"),
        }
    }

    async fn found(&mut self, status: &str) {
        self.serve("raftwire serve --config node1.toml");
        eventually("that it says for whom it waits", async || {
            let said = self.run(status).await;
            let said = String::from_utf8(said.stdout).unwrap();
            (said.contains("node2") && said.contains("node3")).then_some(())
        })
        .await;
        for node in ["node2", "node3"] {
            self.serve(&format!("raftwire serve --config {node}.toml"));
        }
        for node in ["node1", "node2", "node3"] {
            self.ready(node, &["node1", "node2", "node3"]).await;
        }
    }

    async fn tell(&mut self, lines: &[&str]) {
        let mut client = Client::connect_as(self.port("node2"), "user=alice").await;
        let join = json!({"type": "join", "group": "news", "settled": true});
        assert_eq!(client.ask(join).await["type"], "joined");
        for line in lines {
            self.succeed(line).await;
            let text = line.split('\'').nth(1).expect(line);
            assert_eq!(client.json().await["text"], text);
        }
    }
}

#[tokio::test]
async fn each_command_of_the_page_does_what_the_page_says() {
    let page = blocks(&read("docs/operations.md"));
    let mut stage = Stage::new(&page).await;
    let mut played = 0;
    for (mark, lines) in &page {
        let Some(mark) = mark.strip_prefix("sh") else {
            assert!(
                mark.starts_with("toml "),
                "a block that nobody reads: {mark}"
            );
            continue;
        };
        let lines: Vec<_> = lines.iter().map(|line| stage.moved(line)).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        stage.play(mark.trim(), &lines).await;
        played += 1;
    }
    assert_eq!(played, 7);
}

#[tokio::test]
async fn commands_in_the_sentences_of_the_page_exist() {
    let page = read("docs/operations.md");
    let prose: Vec<_> = page.split("```").step_by(2).collect();
    let mut found = 0;
    for quoted in prose
        .iter()
        .flat_map(|text| text.split('`').skip(1).step_by(2))
    {
        if let Some(words) = quoted.strip_prefix("raftwire ") {
            let words: Vec<_> = words.split(' ').chain(["--help"]).collect();
            let ended = run(&words, &[]).await;
            assert_eq!(ended.code, Some(0), "`{quoted}`: {}", ended.stderr);
            found += 1;
        }
    }
    assert!(found > 0, "no sentence names a command");
}
