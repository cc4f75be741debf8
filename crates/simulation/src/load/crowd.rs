//! Connections that come, join, leave and go.

use std::collections::BTreeSet;
use std::time::Duration;

use raftwire::{Audience, ClusterManager, ConnectionId, ConnectionInfo, Incarnation, Outbox};
use tokio::time::{sleep, timeout};

use super::{Place, payload};
use crate::board::Phase;
use crate::crowd::CrowdEvent;
use crate::dice::Dice;
use crate::fact::Event;

/// Audiences that members may leave again.
pub(super) const LOOSE: [&str; 3] = ["loose 1", "loose 2", "loose 3"];
/// Groups that members join for good, and wait for.
pub(super) const SETTLED: [&str; 2] = ["settled 1", "settled 2"];
/// Users that members are of.
pub(super) const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// Milliseconds between two things that a member does.
const DO_MS_MAX: u64 = 400;
/// How long a member waits for a join to be settled. Longer than a node is held alive that does not
/// answer.
const SETTLED_MAX: Duration = Duration::from_secs(12);

/// A member of the crowd: one connection after the other, until the node stops.
pub(super) async fn run(place: Place, mut dice: Dice) {
    while place.board.may_send(&place.process) {
        if place.board.phase() == Phase::Busy
            && let Ok((connection, outbox)) = place.manager.accept("/ws", ConnectionInfo::default())
        {
            tell(
                &place,
                CrowdEvent::Came(place.process.clone(), connection.clone()),
            );
            let mut member = Member {
                place: &place,
                connection,
                outbox,
                user: None,
                loose: BTreeSet::new(),
            };
            member.live(&mut dice).await;
            // What it has not read by now it never will.
            tell(&place, CrowdEvent::Gone(member.connection.clone()));
        }
        sleep(dice.millis(1..DO_MS_MAX)).await;
    }
}

pub(super) fn tell(place: &Place, event: CrowdEvent) {
    place.board.report(Event::Crowd(event));
}

struct Member<'a> {
    place: &'a Place,
    connection: ConnectionId,
    outbox: Outbox,
    user: Option<Audience>,
    loose: BTreeSet<&'static str>,
}

impl Member<'_> {
    /// Reads, and does something now and then, until its connection is over.
    async fn live(&mut self, dice: &mut Dice) {
        let mut doings = dice.number(3..25);
        loop {
            let pause = dice.millis(1..DO_MS_MAX);
            if self.read_for(pause).await.is_none() {
                return;
            }
            if self.place.board.phase() > Phase::Busy {
                // Nothing changes any more; what is sent is still to be read.
                continue;
            }
            if doings == 0 {
                return;
            }
            doings -= 1;
            self.act(dice);
        }
    }

    /// `None`: the connection is over.
    async fn read_for(&mut self, pause: Duration) -> Option<()> {
        let mut pause = std::pin::pin!(sleep(pause));
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                biased;
                next = self.outbox.next_batch(&mut batch) => next.ok()?,
                () = &mut pause => return Some(()),
            }
            for frame in batch {
                match payload::read(&frame) {
                    Ok(number) => tell(
                        self.place,
                        CrowdEvent::Received {
                            number,
                            node: self.place.process.node.clone(),
                            connection: self.connection.clone(),
                        },
                    ),
                    Err(wrong) => {
                        let process = self.place.process.clone();
                        let board = &self.place.board;
                        board.report(Event::Failed(process, format!("received {wrong}")));
                    }
                }
            }
        }
    }

    /// Joins or leaves; what the node refuses because it stops has not happened.
    fn act(&mut self, dice: &mut Dice) {
        let manager = &self.place.manager;
        match dice.number(0..6) {
            0..=1 => {
                let name = one_of(&LOOSE, dice);
                if manager.join(&self.connection, parse(name)).is_ok() {
                    self.loose.insert(name);
                    self.joined(Audience::Group(parse(name)));
                }
            }
            2 => {
                if let Some(name) = self.loose.pop_first() {
                    manager.leave(&self.connection, &parse(name));
                    self.left(Audience::Group(parse(name)));
                }
            }
            3 => self.be_somebody(dice),
            _ => self.settle(one_of(&SETTLED, dice)),
        }
    }

    fn be_somebody(&mut self, dice: &mut Dice) {
        let user = dice.percent(80).then(|| parse(one_of(&USERS, dice)));
        let set = self.place.manager.set_user(&self.connection, user.clone());
        if set.is_ok() {
            if let Some(before) = self.user.take() {
                self.left(before);
            }
            self.user = user.map(Audience::User);
            if let Some(now) = self.user.clone() {
                self.joined(now);
            }
        }
    }

    fn settle(&self, name: &str) {
        let (place, connection) = (self.place.clone(), self.connection.clone());
        let (group, audience) = (parse(name), Audience::Group(parse(name)));
        if place.manager.join(&connection, parse(name)).is_err() {
            return;
        }
        self.joined(audience.clone());
        let begun = incarnation(&place.manager);
        self.place.environment.spawn("settled join", async move {
            let join = place.manager.join_settled(&connection, group);
            let settled = matches!(timeout(SETTLED_MAX, join).await, Ok(Ok(())));
            // A node that came back meanwhile has been forgotten by the others, and told them anew.
            let incarnation = incarnation(&place.manager).filter(|now| begun == Some(*now));
            if let Some(incarnation) = incarnation.filter(|_| settled) {
                tell(
                    &place,
                    CrowdEvent::Settled {
                        node: place.process.node.clone(),
                        incarnation,
                        connection,
                        audience,
                    },
                );
            }
        });
    }

    fn joined(&self, audience: Audience) {
        let joined = CrowdEvent::Joined(self.connection.clone(), audience);
        tell(self.place, joined);
    }

    fn left(&self, audience: Audience) {
        let left = CrowdEvent::Left(self.connection.clone(), audience);
        tell(self.place, left);
    }
}

fn incarnation(manager: &ClusterManager) -> Option<Incarnation> {
    let state = manager.raft().state();
    let state = state.borrow();
    Some(state.alive(manager.node_id())?.incarnation)
}

pub(super) fn one_of(names: &[&'static str], dice: &mut Dice) -> &'static str {
    names[dice.index(names.len())]
}

pub(super) fn parse<T: std::str::FromStr<Err = raftwire::InvalidName>>(name: &str) -> T {
    name.parse().expect("a name of this file")
}
