//! The comparison itself, of what needs no registry: ours and the limits. What is checked is the shape of the
//! results, not times.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a program and its files

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What must have been built beside it, as every test of the workspace has it.
fn assert_built(compare: &Path) {
    for program in ["raftwire", "limit-accept", "limit-echo", "limit-relay"] {
        let path = compare.with_file_name(program);
        assert!(
            path.exists(),
            "{} is not there: cargo build --workspace --bins",
            path.display()
        );
    }
}

#[test]
fn ours_and_the_limits_are_measured_and_told() {
    let compare = Path::new(env!("CARGO_BIN_EXE_compare"));
    assert_built(compare);
    let folder = tempfile::tempdir().unwrap();
    let ended = Command::new(compare)
        .args(["rounds=1", "seconds=1", "warm_up=1", "crowd=40"])
        .arg("cases=echo-64,latency-acknowledged,fanout-2000-burst,storm,idle")
        .arg("systems=raftwire,limit")
        .arg(format!("out={}", folder.path().display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    let error = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}{error}");

    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let results: Value = serde_json::from_str(&read("results.json")).unwrap();
    let cases = results["cases"].as_array().unwrap();
    let expected = [
        ("echo-64", 2),
        // At the top rate, at a quarter, at half.
        ("latency-acknowledged", 6),
        ("fanout-2000-burst", 2),
        ("storm", 2),
        // No limit holds connections.
        ("idle", 1),
    ];
    assert_eq!(cases.len(), expected.len(), "{results:#}");
    for (case, (name, count)) in cases.iter().zip(expected) {
        let rows = case["rows"].as_array().unwrap();
        assert_eq!((case["name"].as_str(), rows.len()), (Some(name), count));
        for row in rows {
            let outcome = &row["rounds"][0]["outcome"];
            assert!(outcome.get("failed").is_none(), "{row:#}");
            assert!(!row["figures"].as_object().unwrap().is_empty(), "{row:#}");
        }
    }
    let ours = &cases[0]["rows"][0];
    assert_eq!(ours["system"], "raftwire");
    assert!(ours["of_limit"].as_f64().unwrap() > 0.0, "{ours:#}");
    assert!(ours["figures"]["server_cpu_ns"]["median"].as_f64().unwrap() > 0.0);
    assert!(ours["bottleneck"].is_string(), "{ours:#}");

    let table = read("results.md");
    assert_eq!(
        table.matches("\n### ").count(),
        expected.len() + 1,
        "{table}"
    );
    assert!(
        table.contains("| Raftwire, two nodes | a quarter of it |"),
        "{table}"
    );
    assert!(table.contains("| limit: bare TCP echo |"), "{table}");
    let plot = read("results.svg");
    // A background, and a bar of each system in each case with a rate.
    assert_eq!(plot.matches("<rect ").count(), 1 + 6, "{plot}");
    assert!(plot.trim_end().ends_with("</svg>"), "{plot}");
}

#[test]
fn an_argument_that_is_not_known_is_told() {
    let ended = Command::new(env!("CARGO_BIN_EXE_compare"))
        .arg("systems=emqx")
        .output()
        .unwrap();
    assert!(!ended.status.success());
    let error = String::from_utf8_lossy(&ended.stderr);
    assert!(error.contains("\"emqx\" is no system"), "{error}");
}
