//! The conformance suite over real sockets.

mod common;

use common::WsHarness;

raftwire_transport::conformance_tests! {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    WsHarness::real()
}

mod strangers {
    use super::WsHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        strangers WsHarness::real()
    }
}

mod over_tls {
    use super::WsHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        WsHarness::real_with_tls()
    }
}

mod strangers_over_tls {
    use super::WsHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        strangers WsHarness::real_with_tls()
    }
}
