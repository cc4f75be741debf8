//! One `raftwire` process.

use std::fs::OpenOptions;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use raftwire_environment::Environment;
use raftwire_server::ClusterReport;
use raftwire_server::http_client::{HttpClient, RequestError};
use rustls::{ClientConfig, RootCertStore};
use tokio::process::{Child, Command};

use super::{Client, Settings, WAIT_MAX};

/// The binary, with none of the settings of whoever runs the tests.
pub fn raftwire() -> Command {
    without_settings(Command::new(env!("CARGO_BIN_EXE_raftwire")))
}

/// The binary with a limit of open files, which it cannot raise.
pub fn raftwire_with_open_files(limit: u64) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n \"$1\" && shift && exec \"$@\"", "sh"]);
    command.args([&limit.to_string(), env!("CARGO_BIN_EXE_raftwire")]);
    without_settings(command)
}

fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RAFTWIRE_") {
            command.env_remove(name);
        }
    }
    command.kill_on_drop(true);
    command
}

/// What a process said before it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `raftwire` to its end.
pub async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = raftwire();
    command.args(arguments).envs(variables.iter().copied());
    end_of(command).await
}

/// Runs a command that is [`raftwire`] to its end.
pub async fn end_of(mut command: Command) -> Ended {
    command.stdin(Stdio::null());
    let output = tokio::time::timeout(WAIT_MAX * 3, command.output()).await;
    let output = output.expect("it ends").expect("it runs");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// One node.
#[derive(Debug)]
pub struct NodeProcess {
    pub name: String,
    pub port: u16,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    open_files: Option<u64>,
    tls: Option<Arc<ClientConfig>>,
    authorities: Option<Arc<RootCertStore>>,
    log: PathBuf,
    child: Option<Child>,
}

impl NodeProcess {
    pub(super) fn new(
        name: &str,
        port: u16,
        folder: &Path,
        arguments: Vec<String>,
        settings: &Settings,
    ) -> NodeProcess {
        let log = folder.join(format!("{name}.log"));
        NodeProcess {
            name: name.to_owned(),
            port,
            arguments,
            variables: settings.variables.clone(),
            open_files: settings.open_files,
            tls: settings.tls.clone(),
            authorities: settings.authorities.clone(),
            log,
            child: None,
        }
    }

    /// Starts the process with the data that it has.
    pub fn start(&mut self) {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let mut command = self
            .open_files
            .map_or_else(raftwire, raftwire_with_open_files);
        let child = command
            .args(["serve", "--exit-with-stdin"])
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("the binary runs"));
    }

    /// `kill -9`, and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child
            .take()
            .expect("it runs")
            .kill()
            .await
            .expect("killed");
    }

    /// SIGTERM, and waits until it has ended.
    pub async fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let process = i32::try_from(child.id().expect("it runs")).unwrap();
        let process = rustix::process::Pid::from_raw(process).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        tokio::time::timeout(WAIT_MAX, child.wait())
            .await
            .expect("it stops")
            .unwrap()
    }

    /// SIGSTOP: it is there and does nothing, until what is returned is dropped.
    pub fn freeze(&self) -> Frozen {
        let process = i32::try_from(self.process().expect("it runs")).unwrap();
        let process = rustix::process::Pid::from_raw(process).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::STOP).unwrap();
        Frozen(process)
    }

    /// Ends its standard input, and waits until it has ended.
    pub async fn close_stdin(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        drop(child.stdin.take());
        tokio::time::timeout(WAIT_MAX, child.wait())
            .await
            .expect("it stops")
            .unwrap()
    }

    pub fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    pub fn process(&self) -> Option<u32> {
        self.child.as_ref()?.id()
    }

    /// Everything that it has logged, over all its starts.
    pub fn log(&self) -> String {
        let mut text = String::new();
        let opened = OpenOptions::new().read(true).open(&self.log);
        opened.unwrap().read_to_string(&mut text).unwrap();
        text
    }

    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    pub fn http(&self) -> HttpClient {
        let authorities = self.authorities.clone();
        HttpClient::trusting(Environment::real(), &self.url(), authorities, None).unwrap()
    }

    /// What it says of the cluster, without asking the others.
    pub async fn report(&self) -> Result<ClusterReport, RequestError> {
        self.http().get("/api/v1/cluster?connections=local").await
    }

    /// A new client, welcomed.
    pub async fn client(&self) -> Client {
        match &self.tls {
            None => Client::connect(self.port).await,
            Some(tls) => Client::connect_over_tls(self.port, Arc::clone(tls)).await,
        }
    }
}

/// A process that does nothing. It goes on when this is dropped, so that it can end with its test.
#[derive(Debug)]
pub struct Frozen(rustix::process::Pid);

impl Drop for Frozen {
    fn drop(&mut self) {
        // One that has been killed meanwhile needs nothing.
        let _ = rustix::process::kill_process(self.0, rustix::process::Signal::CONT);
    }
}
