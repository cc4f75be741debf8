//! The memory network passes the conformance suite, with paused time, when it does all that a
//! transport may do, between real threads, and inside a simulation.

mod common;

use common::MemoryHarness;

mod good_network {
    use super::MemoryHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(start_paused = true)]
        MemoryHarness::good(1)
    }
}

mod good_network_with_strangers {
    use super::MemoryHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(start_paused = true)]
        strangers MemoryHarness::good(2)
    }
}

mod bad_network {
    use super::MemoryHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(start_paused = true)]
        MemoryHarness::bad(3)
    }
}

mod real_threads {
    use super::MemoryHarness;

    raftwire_transport::conformance_tests! {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        MemoryHarness::good(4)
    }
}
