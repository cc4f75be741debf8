//! `raftwire listen`: a client for the command line.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod support;

use std::process::Stdio;

use support::{Cluster, Settings, WAIT_MAX, raftwire, run};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

#[tokio::test]
async fn messages_are_printed_as_they_come_and_the_end_is_said() {
    let settings = Settings::default().with_flag("client-identity-in-query", "true");
    let mut cluster = Cluster::start_with(1, &settings).await;
    let url = cluster.node(0).url();
    let mut listener = raftwire()
        .args(["listen", "--url", &url, "--name", "alice@phone"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(listener.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = tokio::time::timeout(WAIT_MAX, lines.next_line()).await;
        line.expect("in time").unwrap().expect("a line")
    };
    assert!(next().await.starts_with("connected to node1 as ~"));

    for text in ["hello", "and again"] {
        let sent = run(&["send", "--url", &url, "alice@phone", text], &[]).await;
        assert_eq!(sent.code, Some(0), "{}", sent.stderr);
        assert_eq!(next().await, text);
    }

    cluster.node_mut(0).terminate().await;
    let ended = tokio::time::timeout(WAIT_MAX, listener.wait()).await;
    assert_eq!(ended.expect("it ends").unwrap().code(), Some(1));
    let mut said = String::new();
    let mut stderr = listener.stderr.take().unwrap();
    stderr.read_to_string(&mut said).await.unwrap();
    assert!(
        said.contains("the node has closed the connection: 1001"),
        "{said}"
    );
}

#[tokio::test]
async fn where_nobody_listens_is_said() {
    let ended = run(&["listen", "--url", "http://127.0.0.1:1"], &[]).await;

    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("cannot reach 127.0.0.1:1"),
        "{}",
        ended.stderr
    );
}
