//! Whatever happens on the way: a copy is a prefix of its writer's history, and gets to its end.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use raftwire_environment::Environment;
use raftwire_protocol::Incarnation;

use super::replica::Replica;
use super::row::{Cursor, Row};
use super::rows::Rows;
use super::step::{Digest, Position, Step};
use super::writer::Writer;

const ROWS_MAX: usize = 10_000;

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The row of this number comes or goes.
    Change(u16),
    /// Many rows come at once, so that a set needs several steps.
    Flood(u16),
    /// The writer tells what is new, as it would after every change.
    Tell,
    Digest,
    /// One message arrives: which, of those under way, and whether it will arrive again.
    Deliver {
        which: usize,
        again: bool,
    },
    Lose {
        which: usize,
    },
    Wait,
}

#[derive(Clone, Debug)]
enum Message {
    Step(Step),
    Digest(Digest),
    Pull(Position),
}

struct World {
    writer: Writer,
    /// What the writer held after each of its changes.
    history: Vec<Rows>,
    held: BTreeSet<Row>,
    replica: Replica,
    told: u64,
    under_way: VecDeque<Message>,
    now: Instant,
}

fn row(number: u16) -> Row {
    let text = format!("{number}-{}", "long".repeat(50));
    if number.is_multiple_of(2) {
        Row::User(text.parse().expect("a user"))
    } else {
        Row::Group(text.parse().expect("a group"))
    }
}

impl World {
    fn new(log_changes_max: usize) -> World {
        let mut writer = Writer::new(log_changes_max);
        writer.begin(Incarnation::new(1));
        World {
            writer,
            history: vec![Rows::default()],
            held: BTreeSet::new(),
            replica: Replica::new(ROWS_MAX),
            told: 0,
            under_way: VecDeque::new(),
            now: Environment::real().now(),
        }
    }

    fn change(&mut self, number: u16) {
        let row = row(number);
        let is_held = self.held.insert(row.clone());
        if !is_held {
            self.held.remove(&row);
        }
        self.writer.change(row.clone(), is_held);
        let mut rows = self.history.last().expect("one").clone();
        if is_held {
            rows.insert(row);
        } else {
            rows.remove(&row);
        }
        self.history.push(rows);
    }

    fn tell(&mut self) {
        match self.writer.changes_since(self.told) {
            Some(step) => {
                self.told = step.to.sequence;
                self.under_way.push_back(Message::Step(step));
            }
            None => self.told = self.writer.sequence(),
        }
    }

    fn deliver(&mut self, message: Message) {
        let pull = match message {
            Message::Step(step) => self.replica.on_step(step, self.now).expect("possible"),
            Message::Digest(digest) => self.replica.on_digest(&digest, self.now),
            Message::Pull(position)
                if position.cursor == Cursor::End && self.writer.remembers(position.sequence) =>
            {
                self.told = position.sequence;
                None
            }
            Message::Pull(position) => {
                self.under_way
                    .push_back(Message::Step(self.writer.step(position)));
                None
            }
        };
        if let Some(pull) = pull {
            self.under_way.push_back(Message::Pull(pull.0));
        }
    }

    fn digest(&mut self) {
        let digest = self.writer.digest();
        self.under_way.push_back(Message::Digest(digest));
    }

    fn run(&mut self, event: Event) {
        let waiting = self.under_way.len();
        match event {
            Event::Change(number) => self.change(number),
            Event::Flood(first) => (0..150).for_each(|number| self.change(first / 2 + number)),
            Event::Tell => self.tell(),
            Event::Digest => self.digest(),
            Event::Deliver { which, again } if waiting > 0 => {
                let message = if again {
                    self.under_way[which % waiting].clone()
                } else {
                    self.under_way.remove(which % waiting).expect("there")
                };
                self.deliver(message);
            }
            Event::Lose { which } if waiting > 0 => drop(self.under_way.remove(which % waiting)),
            Event::Deliver { .. } | Event::Lose { .. } => {}
            Event::Wait => self.now += Duration::from_millis(600),
        }
        self.check();
    }

    fn check(&self) {
        let sequence = usize::try_from(self.replica.sequence()).expect("small");
        assert_eq!(
            Some(self.replica.rows()),
            self.history.get(sequence),
            "not what the writer held after change {sequence}"
        );
    }

    /// From now on nothing is lost.
    fn settle(&mut self) {
        for _second in 0..200 {
            self.now += Duration::from_secs(1);
            self.digest();
            loop {
                while let Some(message) = self.under_way.pop_front() {
                    self.deliver(message);
                    self.check();
                }
                if self.told >= self.writer.sequence() {
                    break;
                }
                self.tell();
            }
            if self.replica.sequence() == self.writer.sequence() {
                break;
            }
        }
        self.digest();
        let last = self.under_way.pop_front().expect("the digest");
        self.deliver(last);
        let absent = row(u16::MAX);
        assert_eq!(self.replica.sequence(), self.writer.sequence());
        assert!(
            !self.replica.may_hold(&absent),
            "it knows that it is current"
        );
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..40u16).prop_map(Event::Change),
        1 => (0..1000u16).prop_map(Event::Flood),
        8 => Just(Event::Tell),
        3 => Just(Event::Digest),
        16 => (any::<usize>(), any::<bool>())
            .prop_map(|(which, again)| Event::Deliver { which, again }),
        4 => any::<usize>().prop_map(|which| Event::Lose { which }),
        2 => Just(Event::Wait),
    ]
}

proptest! {
    #[test]
    fn a_copy_is_always_a_prefix_and_gets_to_the_end(
        log_changes_max in prop_oneof![0..4usize, Just(50), Just(10_000)],
        events in proptest::collection::vec(any_event(), 0..200),
    ) {
        let mut world = World::new(log_changes_max);
        for event in events {
            world.run(event);
        }
        world.settle();
    }

    #[test]
    fn a_copy_of_the_next_incarnation_begins_anew(numbers in proptest::collection::vec(0..60u16, 0..80)) {
        let mut world = World::new(1_000);
        for number in numbers {
            world.change(number);
        }
        let held = world.history.last().expect("one").clone();
        world.writer.begin(Incarnation::new(2));
        let mut replica = Replica::new(ROWS_MAX);
        let mut pull = replica.on_digest(&world.writer.digest(), world.now);
        while let Some(wanted) = pull {
            pull = replica.on_step(world.writer.step(wanted.0), world.now).expect("possible");
        }
        prop_assert_eq!(replica.rows(), &held);
        prop_assert_eq!(replica.on_digest(&world.writer.digest(), world.now), None);
        prop_assert!(!replica.may_hold(&row(u16::MAX)));
    }
}

#[test]
fn a_copy_that_is_wrong_is_replaced() {
    let mut world = World::new(100);
    world.change(1);
    world.change(2);
    let mut other = World::new(100);
    other.change(3);
    other.change(4);
    other.tell();
    let wrong = other.under_way.pop_front().expect("a step");
    world.deliver(wrong);
    assert!(world.replica.may_hold(&row(3)));

    let mut pull = world.replica.on_digest(&world.writer.digest(), world.now);
    assert_ne!(pull, None);
    while let Some(wanted) = pull {
        let step = world.writer.step(wanted.0);
        pull = world.replica.on_step(step, world.now).expect("possible");
    }
    world.digest();
    let digest = world.under_way.pop_front().expect("the digest");
    world.deliver(digest);

    assert!(world.replica.may_hold(&row(1)));
    assert!(!world.replica.may_hold(&row(3)));
}

#[test]
fn more_rows_than_the_limit_are_refused() {
    let mut world = World::new(100);
    world.replica = Replica::new(3);
    (0..5).for_each(|number| world.change(number));
    let step = world.writer.changes_since(0).expect("news");

    assert!(world.replica.on_step(step, world.now).is_err());
    assert_eq!(world.replica.sequence(), 0);
}
