//! The documents name tests that exist.

#![allow(clippy::disallowed_methods)] // it reads the repository, not a node's disk

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(dir: &Path, found: &mut String) {
    for entry in fs::read_dir(dir).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&fs::read_to_string(&path).expect("a source file"));
        }
    }
}

#[test]
fn each_test_that_the_acceptance_page_names_exists() {
    let page = fs::read_to_string(root().join("docs/acceptance.md")).expect("the page");
    let mut code = String::new();
    sources(&root().join("crates"), &mut code);

    let quoted = page.split('`').skip(1).step_by(2);
    let names = quoted.filter(|name| name.matches('_').count() >= 2 && !name.contains('/'));
    let missing: Vec<&str> = names
        .filter(|name| !code.contains(&format!("fn {name}(")))
        .collect();

    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}
