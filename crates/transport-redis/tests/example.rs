//! The example does what it says.

mod common;
#[path = "../examples/two_nodes.rs"]
#[allow(dead_code)] // its way in from the command line
mod two_nodes;

use common::RedisServer;
use raftwire_transport::conformance::broker::PATIENCE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_find_each_other_in_fewer_than_80_lines() {
    let server = RedisServer::start();

    let greeted = tokio::time::timeout(PATIENCE, two_nodes::greet(&server.url())).await;

    greeted
        .expect("in time")
        .expect("every step of the example");
    let source = include_str!("../examples/two_nodes.rs");
    assert!(source.lines().count() < 80);
}
