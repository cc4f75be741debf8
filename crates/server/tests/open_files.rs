//! At the limit of open files a node says so, once, and goes on.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod support;

use raftwire_environment::Environment;
use support::{Cluster, Settings, eventually};

/// So few that strangers alone can take them all.
const OPEN_FILES: u64 = 120;

#[tokio::test]
async fn at_the_limit_of_open_files_a_node_says_so_once_and_goes_on() {
    let settings = Settings::default()
        .with_flag("http-handshake-timeout", "3s")
        .with_open_files(OPEN_FILES);
    let mut cluster = Cluster::start_with(1, &settings).await;
    let port = cluster.node(0).port;
    let mut client = cluster.node(0).client().await;
    let mut other = cluster.node(0).client().await;

    let mut strangers = Vec::new();
    for _ in 0..2 * OPEN_FILES {
        strangers.push(
            Environment::real()
                .connect("127.0.0.1", port)
                .await
                .unwrap(),
        );
    }
    eventually("the word of it", async || {
        let log = cluster.node(0).log();
        log.contains("no further client can be accepted")
            .then_some(())
    })
    .await;

    let to = other.id.clone();
    let result = client.send_and_learn(&to, "still here").await;
    assert_eq!(result["outcome"], "delivered");
    assert_eq!(other.json().await["text"], "still here");

    // The strangers lose their places when they ask for nothing.
    let mut third = cluster.node(0).client().await;
    let result = third.send_and_learn(&to, "here too").await;
    assert_eq!(result["outcome"], "delivered");
    drop(strangers);
    assert!(cluster.node_mut(0).is_running());
    let log = cluster.node(0).log();
    assert_eq!(
        log.matches("no further client can be accepted").count(),
        1,
        "{log}"
    );
}
