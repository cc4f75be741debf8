//! What a client that sends to somebody slow sees of its other sends.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod support;

use serde_json::{Value, json};
use support::{Client, Cluster, Settings};

/// Long enough to hear everything else before, and shorter than a lease.
const DEADLINE_MS: u64 = 3_000;

/// Sends twice to somebody far, and then once to itself and a ping: the ids of the answers, in the order in which
/// they are heard.
async fn order_of_answers(client: &mut Client, far: &str) -> Vec<Value> {
    let own = client.id.clone();
    for (id, to) in [(1, far), (2, far), (3, &own)] {
        let send =
            json!({"type": "send", "id": id, "to": to, "text": "x", "deadline_ms": DEADLINE_MS});
        client.feed(send.to_string()).await.unwrap();
    }
    client
        .feed(json!({"type": "ping", "id": 4}).to_string())
        .await
        .unwrap();
    client.flush().await.unwrap();
    let mut answers = Vec::new();
    while answers.len() < 4 {
        let heard = client.json().await;
        if heard["type"] != "message" {
            answers.push(heard["id"].clone());
        }
    }
    answers
}

#[tokio::test]
async fn sends_to_a_node_that_does_not_answer_hold_up_the_others_once_they_fill_the_window() {
    let window = |sends| Settings::default().with_flag("client-sends-in-flight-max", sends);
    let (full, room) = (window("2"), window("3"));
    let mut cluster = Cluster::prepare_each(&[&full, &room, &full]).await;
    for index in 0..3 {
        cluster.node_mut(index).start();
    }
    for index in 0..3 {
        cluster.ready(index).await;
    }
    let mut held_up = cluster.node(0).client().await;
    let mut passes = cluster.node(1).client().await;
    let far = cluster.node(2).client().await;
    // Both know the way, so that a message is on its way when the node stops to answer.
    for client in [&mut held_up, &mut passes] {
        let result = client.send_and_learn(&far.id, "hello").await;
        assert_eq!(result["outcome"], "delivered", "{result}");
    }

    let frozen = cluster.node(2).freeze();
    let (held_up, passes) = tokio::join!(
        order_of_answers(&mut held_up, &far.id),
        order_of_answers(&mut passes, &far.id),
    );
    drop(frozen);

    assert!(held_up[0] == 1 || held_up[0] == 2, "{held_up:?}");
    assert_eq!(passes[..2], [3, 4], "{passes:?}");
}
