//! Whatever the lanes do: delivered once, in order, or reported.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use raftwire_link::{LinkConfig, LinkSendError};
use raftwire_protocol::link_packet::LINK_INITIAL_WINDOW_BYTES;

use crate::lane::Weather;
use crate::pair::{A, B, Manners, Pair, Sent, ms};

/// After the weather cleared up, all is settled within this time: some timeouts at their longest.
const CALM_BOUND: Duration = Duration::from_secs(10);

const MESSAGE_BYTES_MAX: usize = 400 * 1024;

#[derive(Clone, Debug)]
enum Action {
    Send {
        from: usize,
        message: Message,
        copies: usize,
    },
    Hold {
        end: usize,
        time: Duration,
    },
    /// The channels break and come back.
    Down {
        time: Duration,
    },
    /// One lane silently swallows all packets.
    Cut {
        from: usize,
        time: Duration,
    },
    Wait {
        time: Duration,
    },
}

#[derive(Clone, Debug)]
struct Message {
    order: u128,
    bytes: usize,
    deadline: Option<Duration>,
    acknowledge: bool,
}

fn message() -> impl Strategy<Value = Message> {
    let bytes = prop_oneof![
        6 => 0_usize..300,
        2 => 300_usize..33_000,
        1 => 33_000..MESSAGE_BYTES_MAX,
    ];
    let deadline = option::weighted(0.3, (0_u64..400).prop_map(ms));
    (0_u128..4, bytes, deadline, prop::bool::weighted(0.8)).prop_map(
        |(order, bytes, deadline, acknowledge)| Message {
            order,
            bytes,
            deadline,
            acknowledge,
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    let end = prop_oneof![Just(A), Just(B)];
    let time = |max| (1_u64..max).prop_map(ms);
    let copies = prop_oneof![4 => Just(1_usize), 1 => 2_usize..40];
    prop_oneof![
        12 => (end.clone(), message(), copies)
            .prop_map(|(from, message, copies)| Action::Send { from, message, copies }),
        1 => (end.clone(), time(300)).prop_map(|(end, time)| Action::Hold { end, time }),
        1 => time(1_500).prop_map(|time| Action::Down { time }),
        1 => (end, time(1_500)).prop_map(|(from, time)| Action::Cut { from, time }),
        6 => time(30).prop_map(|time| Action::Wait { time }),
    ]
}

fn weather() -> impl Strategy<Value = Weather> {
    let delay = prop_oneof![
        Just(50..51_u64),
        (0_u64..20_000, 1_u64..40_000).prop_map(|(start, more)| start..start + more),
    ];
    (0_u64..40, 0_u64..30, 0_u64..20, delay).prop_map(|(loss, duplicate, refuse, delay_us)| {
        Weather {
            loss,
            duplicate,
            refuse,
            delay_us,
        }
    })
}

fn manners() -> impl Strategy<Value = Manners> {
    let delay = prop_oneof![Just(0), 1_u64..50_000];
    (prop_oneof![Just(0), 0_u64..60], delay).prop_map(|(failing, report_delay_us)| Manners {
        failing,
        report_delay_us,
    })
}

/// Limits so small that each of them is met.
fn config() -> LinkConfig {
    LinkConfig {
        receive_window_bytes: LINK_INITIAL_WINDOW_BYTES,
        queue_bytes_max: 1024 * 1024,
        queue_messages_max: 100,
        message_bytes_max: MESSAGE_BYTES_MAX,
        ..LinkConfig::default()
    }
}

fn act(pair: &mut Pair, action: Action) {
    match action {
        Action::Send {
            from,
            message,
            copies,
        } => {
            for _ in 0..copies {
                let sent = Sent {
                    order: message.order,
                    payload_bytes: message.bytes,
                    deadline: message.deadline.map(|left| pair.now + left),
                    acknowledge: message.acknowledge,
                };
                match pair.send(from, sent) {
                    Ok(_) | Err(LinkSendError::Busy { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
        Action::Hold { end, time } => {
            pair.hold(end, true);
            pair.run_for(time);
            pair.hold(end, false);
        }
        Action::Down { time } => {
            pair.set_channel(false);
            pair.run_for(time);
            pair.set_channel(true);
        }
        Action::Cut { from, time } => {
            pair.lanes[from].cut = true;
            pair.run_for(time);
            pair.lanes[from].cut = false;
        }
        Action::Wait { time } => pair.run_for(time),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_delivered_once_and_in_order_or_reported(
        weather in weather(),
        manners in manners(),
        seed in any::<u64>(),
        actions in vec(action(), 1..60),
    ) {
        let mut pair = Pair::new(config(), weather, manners, seed);
        for action in actions {
            act(&mut pair, action);
        }
        for lane in &mut pair.lanes {
            lane.weather = Weather::clear(1_000);
        }
        pair.run_until_idle(CALM_BOUND);
        pair.check_outcomes();
    }

    #[test]
    fn every_message_is_settled_within_a_bound_in_lasting_bad_weather(
        weather in weather(),
        manners in manners(),
        seed in any::<u64>(),
        actions in vec(action(), 1..30),
    ) {
        let mut pair = Pair::new(config(), weather, manners, seed);
        for action in actions {
            act(&mut pair, action);
        }
        pair.run_until_idle(Duration::from_secs(60));
        pair.check_outcomes();
    }

    #[test]
    fn close_tells_what_was_never_sent_from_what_is_unknown(
        weather in weather(),
        manners in manners(),
        seed in any::<u64>(),
        actions in vec(action(), 1..40),
        last in vec(action(), 0..10),
        end in prop_oneof![Just(A), Just(B)],
    ) {
        let mut pair = Pair::new(config(), weather, manners, seed);
        for action in actions {
            act(&mut pair, action);
        }
        pair.close(end);
        for action in last {
            if !matches!(action, Action::Send { from, .. } if from == end) {
                act(&mut pair, action);
            }
        }
        pair.hold(1 - end, false);
        pair.run_for(CALM_BOUND);
        pair.close(1 - end);
        pair.check_outcomes();
    }
}
