//! The conformance suite against a private Redis server.

mod common;

use common::RedisHarness;
use raftwire_transport::conformance::broker::OverBroker;

raftwire_transport::conformance_tests! {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    OverBroker::new(RedisHarness::new())
}

mod strangers {
    use super::{OverBroker, RedisHarness};

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        strangers OverBroker::new(RedisHarness::new())
    }
}

mod broker {
    use super::RedisHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        broker RedisHarness::new()
    }
}

mod failing_broker {
    use super::RedisHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        failing_broker RedisHarness::new()
    }
}
