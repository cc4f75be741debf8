//! The checks that every transport passes: what [`ClusterTransport`](crate::ClusterTransport)
//! promises, as code.
//!
//! An implementation gives the suite a [`ConformanceHarness`], which makes transports that can
//! reach each other over the real thing, and gets a test for each check:
//!
//! ```
//! # mod inside_a_test_file {
//! use std::sync::Arc;
//!
//! use raftwire_environment::Environment;
//! use raftwire_protocol::{NodeAddress, NodeId};
//! use raftwire_transport::conformance::ConformanceHarness;
//! use raftwire_transport::memory::MemoryNetwork;
//! use raftwire_transport::{ClusterTransport, Lanes, TransportSetup};
//!
//! struct Harness(MemoryNetwork);
//!
//! #[async_trait::async_trait]
//! impl ConformanceHarness for Harness {
//!     async fn transport(&self, node: &NodeId, peers: &[NodeId]) -> Arc<dyn ClusterTransport> {
//!         self.0.transport(TransportSetup {
//!             environment: Environment::real(),
//!             cluster: "conformance".to_owned(),
//!             node: node.clone(),
//!             peers: peers.iter().map(|peer| address(peer)).collect(),
//!             lanes: Lanes::Both,
//!         })
//!     }
//! }
//!
//! fn address(node: &NodeId) -> NodeAddress {
//!     NodeAddress { node: node.clone(), endpoint: None }
//! }
//!
//! raftwire_transport::conformance_tests! {
//!     #[tokio::test(start_paused = true)]
//!     Harness(MemoryNetwork::new(1))
//! }
//! # }
//! ```
//!
//! With the feature `broker` there are more, for transports over a broker: the module `broker`.
//!
//! The checks hold for transports that lose, repeat and reorder packets too: what must arrive is
//! sent again until it does. What they do not check is that a transport loses *little*.

#[cfg(feature = "broker")]
pub mod broker;
mod delivery;
mod harness;
mod lifecycle;
mod nodes;
mod queues;
mod strangers;
mod test_node;

pub use delivery::{
    broadcast_reaches_every_peer, bytes_arrive_unchanged, packet_over_the_limit_is_refused,
    send_without_channel_is_not_connected,
};
pub use harness::{ConformanceHarness, StrangerHarness};
pub use lifecycle::{
    both_dialling_leaves_one_channel_a_lane, disconnect_ends_the_channel_and_the_peer_returns,
    peer_that_comes_later_is_reached, peer_that_is_learnt_of_is_reached,
    restarted_peer_gets_new_channels, second_start_is_refused, stop_ends_the_events,
};
pub use queues::{
    control_passes_a_saturated_data_lane, full_queue_is_an_error,
    peer_that_does_not_read_delays_no_other, stop_does_not_wait_for_a_peer_that_does_not_read,
};
pub use strangers::{
    adopted_stranger_replaces_the_first, stranger_leaves_the_adopted_channel_alone,
};

/// Runs every check, one after the other, each with transports of its own. For tests that cannot
/// use [`conformance_tests`](crate::conformance_tests), inside a simulation for example.
///
/// # Panics
///
/// When a check fails.
pub async fn run_all(harness: &dyn ConformanceHarness) {
    bytes_arrive_unchanged(harness).await;
    packet_over_the_limit_is_refused(harness).await;
    send_without_channel_is_not_connected(harness).await;
    broadcast_reaches_every_peer(harness).await;
    second_start_is_refused(harness).await;
    stop_ends_the_events(harness).await;
    peer_that_comes_later_is_reached(harness).await;
    peer_that_is_learnt_of_is_reached(harness).await;
    restarted_peer_gets_new_channels(harness).await;
    disconnect_ends_the_channel_and_the_peer_returns(harness).await;
    both_dialling_leaves_one_channel_a_lane(harness).await;
    full_queue_is_an_error(harness).await;
    control_passes_a_saturated_data_lane(harness).await;
    peer_that_does_not_read_delays_no_other(harness).await;
    stop_does_not_wait_for_a_peer_that_does_not_read(harness).await;
}

/// Runs every check that needs a stranger, one after the other.
///
/// # Panics
///
/// When a check fails.
pub async fn run_all_strangers(harness: &dyn StrangerHarness) {
    stranger_leaves_the_adopted_channel_alone(harness).await;
    adopted_stranger_replaces_the_first(harness).await;
}

/// Makes a test of each check: first the attribute that makes a function an asynchronous test,
/// then an expression that makes the [`ConformanceHarness`](crate::conformance::ConformanceHarness).
///
/// `strangers` after the attribute makes the tests of
/// [`StrangerHarness`](crate::conformance::StrangerHarness) instead; with the feature `broker` there are
/// `broker` and `failing_broker`, for what the module `broker` of the suite asks for.
#[macro_export]
macro_rules! conformance_tests {
    (#[$test:meta] strangers $harness:expr) => {
        $crate::conformance_tests! {
            @each #[$test] $harness;
            stranger_leaves_the_adopted_channel_alone,
            adopted_stranger_replaces_the_first,
        }
    };
    (#[$test:meta] broker $harness:expr) => {
        $crate::conformance_tests! {
            @broker #[$test] $harness;
            peer_that_stops_says_so,
            clusters_of_two_names_on_one_server_never_meet,
            node_with_the_same_id_is_counted_and_harms_nobody,
        }
    };
    (#[$test:meta] failing_broker $harness:expr) => {
        $crate::conformance_tests! {
            @broker #[$test] $harness;
            channels_come_back_after_each_death_of_the_broker,
            broker_that_is_not_there_yet_is_waited_for,
            broker_that_hangs_takes_the_channels_down_until_it_goes_on,
            what_a_hanging_broker_still_has_is_not_delivered_to_a_new_channel,
        }
    };
    (@broker #[$test:meta] $harness:expr; $($check:ident,)+) => {
        $(
            #[$test]
            async fn $check() {
                $crate::conformance::broker::$check(&mut $harness).await;
            }
        )+
    };
    (#[$test:meta] $harness:expr) => {
        $crate::conformance_tests! {
            @each #[$test] $harness;
            bytes_arrive_unchanged,
            packet_over_the_limit_is_refused,
            send_without_channel_is_not_connected,
            broadcast_reaches_every_peer,
            second_start_is_refused,
            stop_ends_the_events,
            peer_that_comes_later_is_reached,
            peer_that_is_learnt_of_is_reached,
            restarted_peer_gets_new_channels,
            disconnect_ends_the_channel_and_the_peer_returns,
            both_dialling_leaves_one_channel_a_lane,
            full_queue_is_an_error,
            control_passes_a_saturated_data_lane,
            peer_that_does_not_read_delays_no_other,
            stop_does_not_wait_for_a_peer_that_does_not_read,
        }
    };
    (@each #[$test:meta] $harness:expr; $($check:ident,)+) => {
        $(
            #[$test]
            async fn $check() {
                $crate::conformance::$check(&$harness).await;
            }
        )+
    };
}
