//! Asks its node what an operator asks: how many connections there are, and of one of them.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Place;
use crate::dice::Dice;
use crate::fact::Event;

/// Milliseconds between two questions.
const PAUSE_MS_MAX: u64 = 1_000;

/// How long an answer may take. Who does not answer within a second is left out of it.
const ANSWER_MAX: Duration = Duration::from_millis(1_100);

/// Asks until nothing more is to be sent.
pub(super) async fn run(place: Place, mut dice: Dice) {
    while place.board.may_send(&place.process) {
        let manager = &place.manager;
        let count = timeout(ANSWER_MAX, manager.cluster_connections());
        let least_loaded = timeout(ANSWER_MAX, manager.least_loaded_node());
        let connection = place.board.connection(|count| dice.index(count));
        let about = timeout(ANSWER_MAX, async {
            if let Some(connection) = connection {
                // Whatever it says of a connection that may just be ending.
                let _ = manager.connection_info(&connection).await;
            }
        });
        let (count, least_loaded, about) = tokio::join!(count, least_loaded, about);
        if count.is_err() || least_loaded.is_err() || about.is_err() {
            let what = format!("a question about connections: no answer within {ANSWER_MAX:?}");
            place
                .board
                .report(Event::Failed(place.process.clone(), what));
        }
        sleep(dice.millis(0..PAUSE_MS_MAX)).await;
    }
}
