//! The checks that transports over a broker pass besides: what becomes of channels when the broker
//! dies, hangs or is shared with others.
//!
//! An implementation gives a [`BrokerHarness`] or, with a broker of its own to kill, a
//! [`FailingBrokerHarness`], and gets a test for each check by
//! [`conformance_tests`](crate::conformance_tests), with `broker` or `failing_broker` before the
//! harness; and by [`OverBroker`] those that every transport passes. For tests of its own it has
//! [`BrokerNode`].

mod failures;
mod harness;
mod node;
mod over_broker;
mod strangers;

pub use failures::{
    broker_that_hangs_takes_the_channels_down_until_it_goes_on,
    broker_that_is_not_there_yet_is_waited_for, channels_come_back_after_each_death_of_the_broker,
    pair, peer_that_stops_says_so,
    what_a_hanging_broker_still_has_is_not_delivered_to_a_new_channel,
};
pub use harness::{BrokerHarness, FailingBrokerHarness};
pub use node::{BrokerNode, PATIENCE, deliver, greet, setup};
pub use over_broker::OverBroker;
pub use strangers::{
    clusters_of_two_names_on_one_server_never_meet,
    node_with_the_same_id_is_counted_and_harms_nobody,
};
