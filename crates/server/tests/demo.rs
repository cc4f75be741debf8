//! The demonstration, as a person runs it.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod support;

#[path = "../../transport-redis/tests/common/redis_server.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]
mod redis_server;

use std::process::Stdio;

use redis_server::RedisServer;

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
async fn the_demonstration_over_redis_starts_a_broker_of_its_own_and_ends_it() {
    demonstration_over("redis", "a private Redis server starts, port ").await;
}

#[tokio::test]
async fn the_demonstration_over_rabbitmq_starts_a_broker_of_its_own_and_ends_it() {
    demonstration_over("rabbitmq", "a private RabbitMQ broker starts, port ").await;
}

async fn demonstration_over(transport: &str, announcement: &str) {
    let _stage = STAGE.lock().await;
    let arguments = ["demo", "--transport", transport, "--clients", "60"];
    let ended = run(&arguments, &[]).await;

    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.contains("Messages lost: 0."),
        "{}",
        ended.stdout
    );
    let (_, port) = ended
        .stdout
        .lines()
        .find_map(|line| line.split_once(announcement))
        .expect("it says that it starts a broker");
    let environment = raftwire_environment::Environment::real();
    let connected = environment
        .connect("127.0.0.1", port.parse().unwrap())
        .await;
    assert!(connected.is_err(), "the broker is still there");
}

#[tokio::test]
async fn the_demonstration_uses_a_broker_that_is_there_and_leaves_it_there() {
    let _stage = STAGE.lock().await;
    let broker = RedisServer::start();
    let mut demo = raftwire()
        .args(["demo", "--transport", "redis", "--clients", "6", "--stay"])
        .args(["--connection-string", &broker.url()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        assert!(!line.contains("a private"), "{line}");
        if line.contains("is elected leader") {
            break;
        }
    }
    let channels = broker.ask(&["PUBSUB", "CHANNELS"]);
    assert!(channels.contains("demo-"), "{channels}");

    let process = rustix::process::Pid::from_raw(demo.id().unwrap() as i32).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    demo.wait().await.unwrap();

    eventually("the end of the nodes", async || {
        let channels = broker.ask(&["PUBSUB", "CHANNELS"]);
        channels.trim().is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_demonstration_without_a_broker_says_how_to_get_one() {
    let _stage = STAGE.lock().await;
    let arguments = ["demo", "--transport", "redis"];
    let ended = run(&arguments, &[("PATH", "/nowhere")]).await;

    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    let how = "raftwire: no Redis server is installed: `apt install redis-server`, or name a broker \
               that runs already: --connection-string redis://127.0.0.1:6379\n";
    assert_eq!(ended.stderr, how);
}

#[tokio::test]
async fn the_children_of_a_killed_demonstration_end() {
    killed_demonstration_leaves_nothing_running(&[], 3).await;
}

#[tokio::test]
async fn the_private_broker_of_a_killed_demonstration_ends() {
    for transport in ["redis", "rabbitmq"] {
        killed_demonstration_leaves_nothing_running(&["--transport", transport], 4).await;
    }
}

async fn killed_demonstration_leaves_nothing_running(arguments: &[&str], processes: usize) {
    let _stage = STAGE.lock().await;
    let mut demo = raftwire()
        .args(["demo", "--clients", "6", "--stay"])
        .args(arguments)
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
    assert_eq!(ports.len(), processes);

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
    // Nobody was left to do it. A broker may write into it until it has ended.
    let folder = folder.unwrap();
    eventually("the removal of the folder", async || remove(&folder)).await;
}

#[allow(clippy::disallowed_methods)] // it tidies up after a process that was not allowed to
fn remove(folder: &str) -> Option<()> {
    assert!(folder.contains("raftwire-demo-"));
    std::fs::remove_dir_all(folder).ok()
}
