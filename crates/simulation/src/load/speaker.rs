//! Senders that speak to all of a user or group, and to everyone.

use std::future::poll_fn;
use std::task::Poll;

use raftwire::{Audience, FanOptions};
use tokio::time::sleep;

use super::crowd::{LOOSE, SETTLED, USERS, one_of, parse, tell};
use super::{LOOK, Place, payload};
use crate::board::Phase;
use crate::crowd::CrowdEvent;
use crate::dice::Dice;
use crate::fact::Event;

/// Milliseconds between two messages to a user or group.
const SEND_MS_MAX: u64 = 250;
/// The deadline of some messages, in milliseconds; the others have the usual one.
const SOON_MS_MAX: u64 = 300;
/// Bytes of a message.
const BYTES_MAX: u64 = 2_000;

/// Speaks to one audience after the other, until nothing more is to be sent.
pub(super) async fn speak(place: Place, mut dice: Dice) {
    while place.board.may_send(&place.process) {
        // A node that has just started knows nobody before it is ready.
        if place.manager.is_ready() {
            let audience = match dice.number(0..3) {
                0 => Audience::User(parse(one_of(&USERS, &mut dice))),
                1 => Audience::Group(parse(one_of(&LOOSE, &mut dice))),
                _ => Audience::Group(parse(one_of(&SETTLED, &mut dice))),
            };
            send(&place, audience, &mut dice).await;
        }
        sleep(dice.millis(1..SEND_MS_MAX)).await;
    }
}

/// Speaks to everyone now and then, until nothing more is to be sent.
pub(super) async fn cry(place: Place, mut dice: Dice) {
    let pause_ms_max = place.load.broadcast_ms_max;
    while pause_ms_max > 0 && place.board.may_send(&place.process) {
        if place.manager.is_ready() {
            send(&place, Audience::Everyone, &mut dice).await;
        }
        sleep(dice.millis(1..pause_ms_max)).await;
    }
}

/// Speaks to every audience once when everything has come to rest: whoever belongs to one must hear it.
pub(super) async fn call_the_roll(place: Place, mut dice: Dice) {
    while place.board.phase() < Phase::Resting {
        sleep(LOOK).await;
    }
    let users = USERS.map(|name| Audience::User(parse(name)));
    let groups = LOOSE.iter().chain(&SETTLED);
    let groups = groups.map(|name| Audience::Group(parse(name)));
    for audience in groups.chain(users).chain([Audience::Everyone]) {
        begin(&place, audience, FanOptions::default(), &mut dice).await;
    }
}

async fn send(place: &Place, audience: Audience, dice: &mut Dice) {
    let options = if dice.percent(20) {
        FanOptions::default().deadline(dice.millis(3..SOON_MS_MAX))
    } else {
        FanOptions::default()
    };
    begin(place, audience, options, dice).await;
}

/// Begins a fan-out here, so that its place in the order is that of the call, and lets it end by itself.
async fn begin(place: &Place, audience: Audience, options: FanOptions, dice: &mut Dice) {
    let number = place.board.next_message();
    let bytes = usize::try_from(dice.number(0..BYTES_MAX)).unwrap_or(0);
    let frame = payload::frame(number, bytes);
    if audience == Audience::Everyone {
        place.board.add_broadcast(number);
    }
    let living = {
        let state = place.manager.raft().state();
        let state = state.borrow();
        let members = state.members.iter();
        let living = members.filter(|(_, member)| member.is_alive());
        living
            .map(|(node, member)| (node.clone(), member.incarnation))
            .collect()
    };
    tell(
        place,
        CrowdEvent::Sent {
            number,
            process: place.process.clone(),
            audience: audience.clone(),
            living,
            at_rest: place.board.phase() == Phase::Resting,
        },
    );
    let (router, board) = (place.manager.router().clone(), place.board.clone());
    let mut fan_out = Box::pin(async move {
        let outcome = router.fan_out(&audience, frame, options).await;
        board.report(Event::Crowd(CrowdEvent::Answered(number, outcome)));
    });
    let is_over = poll_fn(|context| Poll::Ready(fan_out.as_mut().poll(context).is_ready())).await;
    if !is_over {
        let (board, process) = (place.board.clone(), place.process.clone());
        board.route_begins(&process);
        place.environment.spawn("fan-out", async move {
            fan_out.await;
            board.route_ends(&process);
        });
    }
}
