//! An operator at each node, who removes from the cluster what is lost for good.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Place;
use crate::dice::Dice;
use crate::fact::{Event, Removal};

/// Milliseconds between two attempts.
const AGAIN_MS_MAX: u64 = 700;

/// How long an answer may take: the leader is asked, twice, and is given some seconds each time.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// Tries as long as there is a node to remove. Nodes compete: all but one are told that there is no such
/// member any more.
pub(super) async fn run(place: Place, mut dice: Dice) {
    while place.board.may_send(&place.process) {
        sleep(dice.millis(50..AGAIN_MS_MAX)).await;
        let node = place.board.to_remove();
        let Some(node) = node.filter(|node| *node != place.process.node) else {
            continue;
        };
        let asked_at = turmoil::sim_elapsed().unwrap_or_default();
        let process = place.process.clone();
        let answer = timeout(ANSWER_MAX, place.manager.remove_node(&node)).await;
        place.board.report(match answer {
            Ok(answer) => Event::Removal(Removal {
                process,
                node,
                asked_at,
                answer,
            }),
            Err(_) => {
                let what = format!("the removal of {node}: no answer within {ANSWER_MAX:?}");
                Event::Failed(process, what)
            }
        });
    }
}
