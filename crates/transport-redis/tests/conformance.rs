//! The conformance suite against a private Redis server.

mod common;

use common::RedisHarness;

raftwire_transport::conformance_tests! {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    RedisHarness::new()
}

mod strangers {
    use super::RedisHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        strangers RedisHarness::new()
    }
}
