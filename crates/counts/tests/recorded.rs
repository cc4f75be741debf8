//! The hot paths take as many instructions as are recorded.

use std::env;
use std::ffi::OsStr;
use std::io::Write as _;
use std::process::Command;

/// What cargo tells a test of the package that the test is of. Build scripts of dependencies look at some of it, and
/// would be run again, and what follows from them built again, each time when it comes and goes.
const OF_THIS_PACKAGE: [&str; 4] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "OUT_DIR"];

fn is_of_this_package(variable: &OsStr) -> bool {
    let variable = variable.to_string_lossy();
    OF_THIS_PACKAGE
        .iter()
        .any(|prefix| variable.starts_with(prefix))
}

#[test]
fn the_hot_paths_take_as_many_instructions_as_are_recorded() {
    // Counts are of optimised code, which a test is not: what was built before may be of other sources.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut counting = Command::new(cargo);
    counting
        .args([
            "run",
            "--release",
            "--quiet",
            "-p",
            "raftwire-counts",
            "--",
            "--check",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    for (variable, _) in env::vars_os().filter(|(variable, _)| is_of_this_package(variable)) {
        counting.env_remove(variable);
    }

    let counted = counting.output().expect("cargo runs");

    let table = String::from_utf8_lossy(&counted.stdout);
    let errors = String::from_utf8_lossy(&counted.stderr);
    // Past what the test runner keeps to itself.
    let _ = writeln!(std::io::stderr(), "{table}");
    assert!(counted.status.success(), "{errors}");
}
