//! The conformance suite against a private broker.

mod common;

use common::{RabbitMQHarness, SharedHarness};
use raftwire_transport::conformance::broker::OverBroker;

raftwire_transport::conformance_tests! {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    OverBroker::new(SharedHarness::new())
}

mod strangers {
    use super::{OverBroker, SharedHarness};

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        strangers OverBroker::new(SharedHarness::new())
    }
}

mod broker {
    use super::SharedHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        broker SharedHarness::new()
    }
}

mod failing_broker {
    use super::RabbitMQHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        failing_broker RabbitMQHarness::new()
    }
}
