//! Two links with their owners and the lanes between them, and what must be true of them at every moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use raftwire_link::{
    Head, Incoming, Link, LinkConfig, LinkEvent, LinkIdentity, LinkSendError, Outgoing, Settlement,
};
use raftwire_protocol::link_packet::LINK_HEAD_BYTES_MAX;
use raftwire_protocol::{Incarnation, Session, decode_packet};

use crate::lane::{Lane, Random, Weather};
use crate::wire::tokens;

pub(crate) const A: usize = 0;
pub(crate) const B: usize = 1;

/// The code by which an owner refuses what has expired.
pub(crate) const EXPIRED: u8 = 100;

/// A packet's limit that is part of the link's promise to the owner.
const PACKET_BYTES_MAX: usize = 64 * 1024;

pub(crate) const MIB: usize = 1024 * 1024;

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How an owner treats what it is delivered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners {
    /// Percent of the messages that fail, with a code below 10.
    pub(crate) failing: u64,
    /// Up to how long a report takes, in microseconds; 0 reports at once.
    pub(crate) report_delay_us: u64,
}

/// What a test knows of a message it sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) order: u128,
    pub(crate) payload_bytes: usize,
    pub(crate) deadline: Option<Instant>,
    pub(crate) acknowledge: bool,
}

#[derive(Debug)]
pub(crate) struct End {
    /// `None` once closed.
    pub(crate) link: Option<Link>,
    pub(crate) config: LinkConfig,
    pub(crate) manners: Manners,
    random: Random,
    pub(crate) sent: BTreeMap<u64, Sent>,
    pub(crate) settled: BTreeMap<u64, Settlement>,
    /// Tokens of the peer's messages in the order of their delivery, with their results.
    pub(crate) received: Vec<(u64, Result<(), u8>)>,
    received_tokens: BTreeSet<u64>,
    /// The last token received of each order.
    last_of_order: BTreeMap<u128, u64>,
    reports: BTreeMap<(Instant, u64), Result<(), u8>>,
    /// Tokens of which a part was handed to the transport.
    pub(crate) transmitted: BTreeSet<u64>,
    /// Tokens by the sequence of their first segment.
    streams: BTreeMap<u64, u64>,
    pub(crate) packets: u64,
    pub(crate) held: bool,
}

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) ends: [End; 2],
    /// From A, and from B.
    pub(crate) lanes: [Lane; 2],
    next_token: u64,
}

impl Pair {
    pub(crate) fn new(config: LinkConfig, weather: Weather, manners: Manners, seed: u64) -> Pair {
        #[expect(clippy::disallowed_methods, reason = "any instant serves as the first")]
        let now = Instant::now();
        let end = |local: u64, remote: u64| End {
            link: Some(Link::new(config.clone(), identity(local, remote), now)),
            config: config.clone(),
            manners: manners.clone(),
            random: Random(seed ^ local),
            sent: BTreeMap::new(),
            settled: BTreeMap::new(),
            received: Vec::new(),
            received_tokens: BTreeSet::new(),
            last_of_order: BTreeMap::new(),
            reports: BTreeMap::new(),
            transmitted: BTreeSet::new(),
            streams: BTreeMap::new(),
            packets: 0,
            held: false,
        };
        Pair {
            now,
            ends: [end(1, 2), end(2, 1)],
            lanes: [
                Lane::new(weather.clone(), seed ^ 0xaaaa),
                Lane::new(weather, seed ^ 0xbbbb),
            ],
            next_token: 1,
        }
    }

    /// Two ends that send messages of up to 16 MiB.
    pub(crate) fn large(weather: Weather) -> Pair {
        let config = LinkConfig {
            message_bytes_max: 16 * MIB,
            queue_bytes_max: 64 * MIB,
            ..LinkConfig::default()
        };
        Pair::new(config, weather, Manners::default(), 1)
    }

    /// Gives one end a link with other limits.
    pub(crate) fn replace_link(&mut self, end: usize, config: LinkConfig) {
        let old = self.ends[end].link.take().expect("open");
        self.ends[end].link = Some(Link::new(config, *old.identity(), self.now));
    }

    /// Sends a message whose bytes tell its token, which is returned.
    pub(crate) fn send(&mut self, from: usize, sent: Sent) -> Result<u64, LinkSendError> {
        let token = self.next_token;
        let end = &mut self.ends[from];
        let link = end.link.as_mut().expect("open");
        link.send(
            Outgoing {
                token,
                order: sent.order,
                head: Head::from(&token.to_be_bytes()),
                payload: Bytes::from(vec![token as u8; sent.payload_bytes]),
                deadline: sent.deadline,
                acknowledge: sent.acknowledge,
            },
            self.now,
        )?;
        end.sent.insert(token, sent);
        self.next_token += 1;
        Ok(token)
    }

    /// Sends an acknowledged message without a deadline.
    pub(crate) fn send_plain(&mut self, from: usize, order: u128, payload_bytes: usize) -> u64 {
        self.send(
            from,
            Sent {
                order,
                payload_bytes,
                deadline: None,
                acknowledge: true,
            },
        )
        .expect("room in the queue")
    }

    pub(crate) fn hold(&mut self, end: usize, on: bool) {
        self.ends[end].held = on;
        if let Some(link) = &mut self.ends[end].link {
            link.hold(on);
        }
    }

    /// Both channels break, with what was on its way, or come up again.
    pub(crate) fn set_channel(&mut self, up: bool) {
        let now = self.now;
        self.lanes.iter_mut().for_each(Lane::clear);
        for end in &mut self.ends {
            if let Some(link) = &mut end.link {
                if up {
                    link.channel_up(now);
                } else {
                    link.channel_down();
                }
            }
        }
    }

    /// Lets time pass until `until`, handling all that happens.
    pub(crate) fn run_until(&mut self, until: Instant) {
        self.settle_down();
        while let Some(at) = self.next_event()
            && at <= until
        {
            self.now = self.now.max(at);
            self.settle_down();
        }
        self.now = self.now.max(until);
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// Runs until nothing is in flight or queued at either end; panics after `bound`.
    pub(crate) fn run_until_idle(&mut self, bound: Duration) {
        let limit = self.now + bound;
        self.settle_down();
        while !self.is_idle() {
            let at = self.next_event().expect("something left to happen");
            assert!(
                at <= limit,
                "not settled after {bound:?}: {:#?}",
                self.stats()
            );
            self.now = self.now.max(at);
            self.settle_down();
        }
    }

    fn stats(&self) -> Vec<raftwire_link::LinkStats> {
        let links = self.ends.iter().flat_map(|end| &end.link);
        links.map(Link::stats).collect()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.ends.iter().all(|end| {
            end.reports.is_empty()
                && end.link.as_ref().is_none_or(|link| {
                    let stats = link.stats();
                    stats.in_flight_segments == 0 && stats.queued_messages == 0
                })
        })
    }

    fn next_event(&self) -> Option<Instant> {
        let links = self.ends.iter().flat_map(|end| &end.link);
        let timeouts = links.filter_map(Link::poll_timeout);
        let arrivals = self.lanes.iter().filter_map(Lane::arrives_at);
        let reports = self.ends.iter().flat_map(|end| end.reports.keys().next());
        timeouts
            .chain(arrivals)
            .chain(reports.map(|(at, _)| *at))
            .min()
    }

    /// Does all that is to be done at this moment.
    pub(crate) fn settle_down(&mut self) {
        for end in [A, B] {
            while let Some(packet) = self.lanes[1 - end].take(self.now) {
                let (header, body) = decode_packet(packet).expect("a packet");
                if let Some(link) = &mut self.ends[end].link {
                    link.handle(&header, body, self.now).expect("handled");
                }
            }
        }
        for end in [A, B] {
            if let Some(link) = &mut self.ends[end].link {
                link.handle_timeout(self.now);
            }
            self.act_as_owner(end);
            self.transmit(end);
            // What was refused or expired while making packets.
            self.act_as_owner(end);
            self.check_limits(end);
        }
    }

    fn act_as_owner(&mut self, index: usize) {
        let now = self.now;
        let (end, peer) = both(&mut self.ends, index);
        let Some(mut link) = end.link.take() else {
            return;
        };
        while let Some((&(at, sequence), &result)) = end.reports.first_key_value()
            && at <= now
        {
            link.report(sequence, result);
            end.reports.remove(&(at, sequence));
        }
        while let Some(event) = link.poll_event() {
            match event {
                LinkEvent::Delivered(incoming) => {
                    assert!(!end.held, "nothing is delivered while held");
                    let token = end.receive(&incoming, peer);
                    let result = if incoming.deadline.is_some_and(|deadline| deadline <= now) {
                        Err(EXPIRED)
                    } else if end.random.percent(end.manners.failing) {
                        Err(end.random.below(10) as u8)
                    } else {
                        Ok(())
                    };
                    end.received.push((token, result));
                    if !incoming.acknowledge {
                        continue;
                    }
                    match end.manners.report_delay_us {
                        0 => link.report(incoming.sequence, result),
                        max => {
                            let delay = Duration::from_micros(end.random.below(max));
                            end.reports.insert((now + delay, incoming.sequence), result);
                        }
                    }
                }
                LinkEvent::Settled { token, settlement } => {
                    if let Settlement::Expired { transmitted } = settlement {
                        assert_eq!(transmitted, end.transmitted.contains(&token), "{token}");
                    }
                    let before = end.settled.insert(token, settlement);
                    assert_eq!(before, None, "{token} was settled twice");
                }
            }
        }
        end.link = Some(link);
    }

    fn transmit(&mut self, index: usize) {
        let end = &mut self.ends[index];
        let Some(link) = &mut end.link else {
            return;
        };
        while let Some(packet) = link.poll_transmit(self.now) {
            assert!(packet.len() <= PACKET_BYTES_MAX);
            let tokens = tokens(&packet, &mut end.streams);
            if self.lanes[index].takes() {
                end.transmitted.extend(tokens);
                end.packets += 1;
                self.lanes[index].put(packet, self.now);
            } else {
                link.undo_transmit(self.now);
            }
        }
        assert!(
            link.poll_timeout().is_none_or(|at| at > self.now),
            "a link that has nothing to do does not ask for the time"
        );
    }

    fn check_limits(&self, index: usize) {
        let end = &self.ends[index];
        let Some(link) = &end.link else {
            return;
        };
        let stats = link.stats();
        let message_max = end.config.message_bytes_max + LINK_HEAD_BYTES_MAX;
        assert!(stats.waiting_bytes <= end.config.receive_window_bytes);
        assert!(stats.unreported_bytes < end.config.receive_window_bytes + message_max);
        assert!(stats.queued_bytes <= end.config.queue_bytes_max.max(message_max));
        assert!(stats.queued_messages <= end.config.queue_messages_max);
        assert_eq!(
            stats.segments_beyond_window, 0,
            "the sender keeps to the window"
        );
        assert_eq!(stats.packets_ignored, 0);
    }

    /// Closes the link of one end, and lets what is on its way arrive at the other.
    pub(crate) fn close(&mut self, index: usize) {
        let link = self.ends[index].link.take().expect("open");
        let end = &mut self.ends[index];
        for (token, settlement) in link.close() {
            match settlement {
                Settlement::Lost => assert!(end.transmitted.contains(&token), "{token}"),
                Settlement::NotSent => assert!(!end.transmitted.contains(&token), "{token}"),
                _ => {}
            }
            let before = end.settled.insert(token, settlement);
            assert_eq!(before, None, "{token} was settled twice");
        }
        end.reports.clear();
    }

    /// What must be true once all is settled.
    pub(crate) fn check_outcomes(&self) {
        for index in [A, B] {
            let (end, peer) = (&self.ends[index], &self.ends[1 - index]);
            let results: BTreeMap<_, _> = peer.received.iter().copied().collect();
            for (&token, sent) in &end.sent {
                let result = results.get(&token);
                let Some(settlement) = end.settled.get(&token) else {
                    assert!(!sent.acknowledge, "{token} was never settled");
                    let expires = sent.deadline.is_some() || end.link.is_none();
                    assert!(result.is_some() || expires, "{token} never arrived");
                    continue;
                };
                assert!(sent.acknowledge, "{token} was not to be settled");
                match settlement {
                    Settlement::Delivered => assert_eq!(result, Some(&Ok(())), "{token}"),
                    Settlement::Failed(code) => assert_eq!(result, Some(&Err(*code)), "{token}"),
                    Settlement::Expired { transmitted: false } | Settlement::NotSent => {
                        assert_eq!(result, None, "{token} did not happen");
                    }
                    Settlement::Expired { transmitted: true } | Settlement::Lost => {}
                }
            }
        }
    }
}

impl End {
    /// Checks a message against what was sent and received before; returns its token.
    fn receive(&mut self, incoming: &Incoming, peer: &End) -> u64 {
        let (head, payload) = incoming.body.split_at(8);
        let token = u64::from_be_bytes(head.try_into().expect("eight bytes"));
        let sent = &peer.sent[&token];
        assert_eq!(incoming.order, sent.order);
        assert_eq!(incoming.acknowledge, sent.acknowledge);
        assert_eq!(incoming.deadline.is_some(), sent.deadline.is_some());
        assert!(payload == vec![token as u8; sent.payload_bytes]);
        let fresh = self.received_tokens.insert(token);
        assert!(fresh, "{token} was delivered twice");
        let before = self.last_of_order.insert(sent.order, token);
        assert!(
            before < Some(token),
            "{token} was delivered after {before:?}"
        );
        match peer.settled.get(&token) {
            None | Some(Settlement::Lost | Settlement::Expired { transmitted: true }) => token,
            Some(wrong) => panic!("{token} was delivered after it was settled: {wrong:?}"),
        }
    }
}

fn identity(local: u64, remote: u64) -> LinkIdentity {
    LinkIdentity {
        local_session: Session::new(local.into()),
        remote_session: Session::new(remote.into()),
        local_incarnation: Incarnation::new(local),
        remote_incarnation: Incarnation::new(remote),
    }
}

fn both(ends: &mut [End; 2], index: usize) -> (&mut End, &End) {
    let [a, b] = ends;
    if index == A { (a, b) } else { (b, a) }
}
