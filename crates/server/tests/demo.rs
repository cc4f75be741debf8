//! The demonstration, as a person runs it.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod support;

use std::process::Stdio;

use support::{eventually, raftwire, run};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::Mutex;

/// Two demonstrations that begin in the same moment would choose the same ports.
static STAGE: Mutex<()> = Mutex::const_new(());

#[tokio::test]
async fn the_demonstration_ends_well_and_leaves_nothing_behind() {
    let _stage = STAGE.lock().await;
    let ended = run(&["demo", "--clients", "60"], &[]).await;

    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let (_, folder) = ended
        .stdout
        .lines()
        .next()
        .unwrap()
        .split_once(" logs in ")
        .unwrap();
    assert!(!std::path::Path::new(folder).exists(), "{folder}");
    for line in [
        "is elected leader of term",
        "kill -9 node",
        "is a member again",
        "Messages lost: 0.",
    ] {
        assert!(
            ended.stdout.contains(line),
            "{line} is missing in\n{}",
            ended.stdout
        );
    }
    assert!(!ended.stdout.contains('\x1b'), "colours are for terminals");
}

#[tokio::test]
async fn the_children_of_a_killed_demonstration_end() {
    let _stage = STAGE.lock().await;
    let mut demo = raftwire()
        .args(["demo", "--clients", "6", "--stay"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut folder = None;
    let mut ports = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, path)) = line.split_once(" logs in ") {
            folder = Some(path.to_owned());
        }
        if let Some((_, port)) = line.split_once(", port ") {
            ports.push(port.trim_end_matches(')').parse::<u16>().unwrap());
        }
        if line.contains("is elected leader") {
            break;
        }
    }
    assert_eq!(ports.len(), 3);

    demo.kill().await.unwrap();

    let environment = raftwire_environment::Environment::real();
    for port in ports {
        eventually("the end of a child", async || {
            environment
                .connect("127.0.0.1", port)
                .await
                .is_err()
                .then_some(())
        })
        .await;
    }
    // Nobody was left to do it.
    remove(&folder.unwrap());
}

#[allow(clippy::disallowed_methods)] // it tidies up after a process that was not allowed to
fn remove(folder: &str) {
    assert!(folder.contains("raftwire-demo-"));
    std::fs::remove_dir_all(folder).unwrap();
}
