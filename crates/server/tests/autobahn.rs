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

/// All cases but those of compression (12 and 13), which is not offered.
const CASES: usize = 301;

/// The suite judges nothing here: what follows a close, and close codes that nobody has assigned.
const INFORMATIONAL: [&str; 3] = ["7.1.6", "7.13.1", "7.13.2"];

/// The suite takes seconds; this only keeps a broken one from hanging.
const PATIENCE: Duration = Duration::from_secs(300);

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
    let suite = root.join("target/tools/kosoku-0.1.0/bin/kosoku");
    assert!(
        suite.exists(),
        "Autobahn's cases are not installed: run `make autobahn` once (it needs python3 and python3-venv)"
    );
    suite
}

/// Runs the suite to its end; what it says of each case, and what it printed.
async fn run(port: u16) -> (Verdicts, String) {
    let report = tempfile::tempdir().unwrap();
    let mut command = Command::new(suite());
    command
        .args(["-p", "4", "-x", "12.*", "-x", "13.*", "-o"])
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

#[tokio::test]
async fn the_websocket_of_clients_passes_autobahns_cases() {
    let settings = Settings::default()
        .with_flag("client-echo", "true")
        // The largest message of the suite.
        .with_flag("client-message-bytes-max", "16 MiB");
    let cluster = Cluster::start_with(1, &settings).await;

    let (verdicts, printed) = run(cluster.node(0).port).await;

    let named = |wanted: &dyn Fn(&Verdict) -> bool| -> Vec<&str> {
        let cases = verdicts.iter().filter(|(_, verdict)| wanted(verdict));
        cases.map(|(case, _)| case.as_str()).collect()
    };
    let fits = |verdict: &str| ["OK", "NON-STRICT", "INFORMATIONAL"].contains(&verdict);
    let failed = named(&|case| !fits(&case.behavior) || !fits(&case.behavior_close));
    let non_strict = named(&|case| case.is("NON-STRICT"));
    let informational = named(&|case| case.is("INFORMATIONAL"));
    // Past what the test runner keeps to itself.
    writeln!(
        std::io::stderr(),
        "Autobahn: {} cases, {} failed, {} non-strict {non_strict:?}, {} not judged {informational:?}",
        verdicts.len(),
        failed.len(),
        non_strict.len(),
        informational.len(),
    )
    .unwrap();
    assert!(failed.is_empty(), "failed: {failed:?}\n{printed}");
    assert_eq!(verdicts.len(), CASES, "the suite has other cases");
    assert!(non_strict.is_empty(), "not strict: {non_strict:?}");
    assert_eq!(informational, INFORMATIONAL);
}
