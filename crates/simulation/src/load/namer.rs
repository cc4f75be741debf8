//! Gives connections of its node names, takes them back, and asks who has them.

use raftwire::{ConnectionId, Name, NamePolicy, RegisterNameError};
use tokio::time::sleep;

use super::Place;
use crate::dice::Dice;
use crate::fact::{Event, NameAnswer, NameQuestion, NameRequest};

/// Milliseconds between two questions: some hundred a name in a run are as many as the search for
/// an order takes quickly.
const PAUSE_MS_MAX: u64 = 500;

/// Questions of a process that may be under way at a time.
const UNDER_WAY_MAX: usize = 8;

/// What is asked, and how often.
#[derive(Clone, Copy, Debug)]
enum Wish {
    TakeOver,
    Claim,
    GiveUp,
    LookUp,
}

const WISHES: [(u64, Wish); 4] = [
    (30, Wish::TakeOver),
    (20, Wish::Claim),
    (10, Wish::GiveUp),
    (40, Wish::LookUp),
];

/// The name of this number.
#[allow(clippy::expect_used)] // letters and a number are a name
pub(crate) fn name(number: u64) -> Name {
    format!("name{number}").parse().expect("a name")
}

/// Asks until nothing more is to be sent.
pub(super) async fn run(place: Place, mut dice: Dice) {
    let under_way = std::sync::Arc::new(tokio::sync::Semaphore::new(UNDER_WAY_MAX));
    while place.board.may_send(&place.process) {
        sleep(dice.millis(1..PAUSE_MS_MAX)).await;
        let Ok(permit) = std::sync::Arc::clone(&under_way).try_acquire_owned() else {
            continue;
        };
        let name = name(dice.number(0..place.load.names));
        let Some(request) = request(&place, &mut dice) else {
            continue;
        };
        let place = place.clone();
        place.environment.clone().spawn("name", async move {
            ask(&place, name, request).await;
            drop(permit);
        });
    }
}

fn request(place: &Place, dice: &mut Dice) -> Option<NameRequest> {
    let wish = *dice.weighted(&WISHES);
    let mut connection = || {
        place
            .board
            .nameable(&place.process, |count| dice.index(count))
    };
    Some(match wish {
        Wish::TakeOver => NameRequest::Register(connection()?, NamePolicy::TakeOver),
        Wish::Claim => NameRequest::Register(connection()?, NamePolicy::IfFree),
        Wish::GiveUp => NameRequest::Unregister,
        Wish::LookUp => NameRequest::Lookup,
    })
}

async fn ask(place: &Place, name: Name, request: NameRequest) {
    let number = place.board.next_name_question();
    let question = NameQuestion {
        process: place.process.clone(),
        name: name.clone(),
        request: request.clone(),
    };
    place.board.report(Event::NameAsked(number, question));
    let manager = &place.manager;
    let answer = match request {
        NameRequest::Register(connection, policy) => {
            match manager.register_name(&connection, name, policy).await {
                Ok(_) => NameAnswer::Registered,
                Err(RegisterNameError::Taken { .. }) => NameAnswer::Taken,
                // A connection has one name at a time.
                Err(RegisterNameError::Named { .. }) => NameAnswer::NotTried,
                Err(_) => NameAnswer::Unknown,
            }
        }
        NameRequest::Unregister => {
            manager.unregister_name(&name);
            NameAnswer::Unknown
        }
        NameRequest::Lookup => match manager.raft().lookup(&name).await {
            Ok(row) => NameAnswer::Found(row.map(|row| ConnectionId::Minted(row.connection))),
            Err(_) => NameAnswer::Unknown,
        },
    };
    place.board.report(Event::NameAnswered(number, answer));
}
