//! The conformance suite against a private broker.

mod common;

use common::RabbitMQHarness;

raftwire_transport::conformance_tests! {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    RabbitMQHarness::new()
}

mod strangers {
    use super::RabbitMQHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        strangers RabbitMQHarness::new()
    }
}
