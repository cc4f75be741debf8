//! Autobahn's cases against the WebSocket that clients get.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // it reads the suite's report

mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use support::{Cluster, Settings};
use tokio::process::Command;

/// All cases but those of compression (12 and 13).
const CASES: usize = 301;
/// Those of compression.
const COMPRESSION_CASES: usize = 216;
/// Some of them, of each kind, size and window: each is a thousand messages, and all take minutes.
const SOME_OF_COMPRESSION: [&str; 12] = [
    "12.1.2", "12.1.3", "12.2.5", "12.3.4", "12.4.6", "12.5.11", "13.1.4", "13.2.5", "13.3.4",
    "13.5.3", "13.6.4", "13.7.5",
];
/// With this variable, all of them are run: `make autobahn-compression`.
const ALL_OF_COMPRESSION: &str = "AUTOBAHN_COMPRESSION";

/// The suite judges nothing here: what follows a close, and close codes that nobody has assigned.
const INFORMATIONAL: [&str; 3] = ["7.1.6", "7.13.1", "7.13.2"];

/// The suite takes seconds, or minutes with all of compression; this only keeps a broken one from hanging.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What the suite says of one case.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    behavior: String,
    behavior_close: String,
}

type Verdicts = BTreeMap<String, Verdict>;

impl Verdict {
    fn is(&self, expected: &str) -> bool {
        self.behavior == expected
    }
}

/// Where the Makefile puts the suite.
fn suite() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let suite = root.join("target/tools/kosoku-0.1.0");
    assert!(
        suite.join("mended").exists(),
        "Autobahn's cases are not installed: run `make autobahn` once (it needs python3 and python3-venv)"
    );
    suite.join("bin/kosoku")
}

/// Runs these cases of the suite to their end; what it says of each, and what it printed.
async fn run(port: u16, selection: &[&str]) -> (Verdicts, String) {
    let report = tempfile::tempdir().unwrap();
    let mut command = Command::new(suite());
    command
        .args(["-p", "4"])
        .args(selection)
        .arg("-o")
        .arg(report.path())
        .arg(format!("127.0.0.1:{port}/echo"))
        .kill_on_drop(true);
    let ended = tokio::time::timeout(PATIENCE, command.output()).await;
    let ended = ended.expect("the suite ends").expect("the suite runs");
    let printed = String::from_utf8_lossy(&ended.stderr).into_owned();
    let index = std::fs::read(report.path().join("index.json"));
    let index = index.unwrap_or_else(|error| panic!("no report ({error}): {printed}"));
    let mut servers: BTreeMap<String, Verdicts> = serde_json::from_slice(&index).unwrap();
    let (_, verdicts) = servers.pop_first().expect("one server");
    (verdicts, printed)
}

/// No case failed, and none was passed by less than is asked for; the ones that are not judged.
fn judge(verdicts: &Verdicts, printed: &str) -> Vec<String> {
    let named = |wanted: &dyn Fn(&Verdict) -> bool| -> Vec<String> {
        let cases = verdicts.iter().filter(|(_, verdict)| wanted(verdict));
        cases.map(|(case, _)| case.clone()).collect()
    };
    let fits = |verdict: &str| ["OK", "NON-STRICT", "INFORMATIONAL"].contains(&verdict);
    let failed = named(&|case| !fits(&case.behavior) || !fits(&case.behavior_close));
    let non_strict = named(&|case| case.is("NON-STRICT"));
    let informational = named(&|case| case.is("INFORMATIONAL"));
    // Past what the test runner keeps to itself.
    let mut stderr = std::io::stderr().lock();
    writeln!(
        stderr,
        "Autobahn: {} cases, {} failed, {} non-strict {non_strict:?}, {} not judged {informational:?}",
        verdicts.len(),
        failed.len(),
        non_strict.len(),
        informational.len(),
    )
    .unwrap();
    assert!(failed.is_empty(), "failed: {failed:?}\n{printed}");
    assert!(non_strict.is_empty(), "not strict: {non_strict:?}");
    informational
}

fn settings() -> Settings {
    Settings::default()
        .with_flag("client-echo", "true")
        // The largest message of the suite.
        .with_flag("client-message-bytes-max", "16 MiB")
}

#[tokio::test]
async fn the_websocket_of_clients_passes_autobahns_cases() {
    let cluster = Cluster::start_with(1, &settings()).await;

    let selection = ["-x", "12.*", "-x", "13.*"];
    let (verdicts, printed) = run(cluster.node(0).port, &selection).await;

    assert_eq!(judge(&verdicts, &printed), INFORMATIONAL);
    assert_eq!(verdicts.len(), CASES, "the suite has other cases");
}

#[tokio::test]
async fn compressed_messages_pass_autobahns_cases() {
    let settings = settings().with_flag("client-compression", "true");
    let cluster = Cluster::start_with(1, &settings).await;

    let is_all = std::env::var_os(ALL_OF_COMPRESSION).is_some();
    let (cases, count): (&[&str], _) = if is_all {
        (&["12.*", "13.*"], COMPRESSION_CASES)
    } else {
        (&SOME_OF_COMPRESSION, SOME_OF_COMPRESSION.len())
    };
    let selection: Vec<_> = cases.iter().flat_map(|case| ["-i", case]).collect();
    let (verdicts, printed) = run(cluster.node(0).port, &selection).await;

    assert_eq!(judge(&verdicts, &printed), Vec::<String>::new());
    assert_eq!(verdicts.len(), count, "the suite has other cases");
}
