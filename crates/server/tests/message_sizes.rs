//! How large a message may be, whichever way it comes and goes.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod support;

use serde_json::{Value, json};
use support::{Client, Cluster, Heard, Settings};

/// The limit of these tests: small, so that what is beyond it is small too.
const LIMIT: usize = 8 * 1024;
/// What the page allows beside the payload.
const ENVELOPE: usize = 4 * 1024;

async fn pair() -> (Cluster, Client, Client) {
    let settings = Settings::default().with_flag("client-message-bytes-max", "8 KiB");
    let cluster = Cluster::start_with(1, &settings).await;
    let clients = (
        cluster.node(0).client().await,
        cluster.node(0).client().await,
    );
    assert_eq!(clients.0.welcome["message_bytes_max"], LIMIT);
    (cluster, clients.0, clients.1)
}

/// A binary send as number 9.
fn binary(to: &str, payload: usize) -> Vec<u8> {
    let mut bytes = vec![1, 0, 0, to.len() as u8, 0, 0, 0, 0, 0, 0, 0, 9];
    bytes.extend_from_slice(to.as_bytes());
    bytes.resize(bytes.len() + payload, 7);
    bytes
}

/// Sends of so many bytes as number 9, in each way that a text can be written.
fn sends(to: &str, payload: usize) -> [String; 3] {
    let text = |text: String| json!({"type": "send", "id": 9, "to": to, "text": text});
    [
        text("x".repeat(payload)).to_string(),
        // As much again on the wire.
        text("\n".repeat(payload)).to_string(),
        // A JSON string has two quotes.
        json!({"type": "send", "id": 9, "to": to, "json": "x".repeat(payload - 2)}).to_string(),
    ]
}

#[tokio::test]
async fn a_payload_of_just_the_limit_passes_however_it_is_written() {
    let (_cluster, mut client, mut other) = pair().await;
    let to = other.id.clone();

    for said in sends(&to, LIMIT) {
        client.say(said).await;
        assert_eq!(client.json().await["outcome"], "delivered");
        let heard = other.json().await;
        assert_eq!(heard["text"].as_str().unwrap().len(), LIMIT);
    }
    client.say_bytes(binary(&to, LIMIT)).await;
    assert_eq!(client.json().await["outcome"], "delivered");
    let Heard::Binary(heard) = other.hear().await else {
        panic!("no bytes");
    };
    assert_eq!(heard.len(), 12 + LIMIT);
}

#[tokio::test]
async fn a_payload_over_the_limit_is_answered_and_the_connection_stays() {
    let (_cluster, mut client, other) = pair().await;
    let too_large = json!({
        "type": "result", "id": 9, "outcome": "too_large", "happened": "no", "limit_bytes": LIMIT,
    });

    for said in sends(&other.id, LIMIT + 1) {
        client.say(said).await;
        assert_eq!(client.json().await, too_large);
    }
    client.say_bytes(binary(&other.id, LIMIT + 1)).await;
    assert_eq!(client.json().await, too_large);
    let text = "x".repeat(LIMIT + 1);
    let answer = client
        .ask(json!({"type": "send", "user": "alice", "text": text}))
        .await;
    assert_eq!(
        (&answer["type"], &answer["code"]),
        (&json!("error"), &json!("too_large"))
    );
}

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009() {
    let (cluster, mut client, mut other) = pair().await;
    let largest = 2 * LIMIT + ENVELOPE;

    client.say("x".repeat(largest)).await;
    assert_eq!(client.json().await["code"], "malformed");
    client.say("x".repeat(largest + 1)).await;
    assert_eq!(client.closed().await.code, Some(1009));
    other.say_bytes(vec![0; largest + 1]).await;
    assert_eq!(other.closed().await.code, Some(1009));
    drop(cluster);
}

#[tokio::test]
async fn what_the_cluster_does_not_route_no_client_may_send() {
    let settings = Settings::default().with_flag("message-bytes-max", "1000");
    let cluster = Cluster::start_with(1, &settings).await;
    let mut client = cluster.node(0).client().await;
    assert_eq!(client.welcome["message_bytes_max"], 1000);
    let own = client.id.clone();

    let result = client.send_and_learn(&own, &"x".repeat(1001)).await;

    assert_eq!(
        (&result["outcome"], &result["limit_bytes"]),
        (&json!("too_large"), &json!(1000))
    );
}

#[tokio::test]
async fn a_body_of_just_the_limit_is_sent_and_one_byte_more_is_not() {
    let settings = Settings::default().with_flag("message-bytes-max", "8 KiB");
    let cluster = Cluster::start_with(1, &settings).await;
    let mut client = cluster.node(0).client().await;
    let path = format!("/api/v1/connections/{}/messages", client.id);
    let http = cluster.node(0).http();

    // A control character needs six bytes in the JSON that the client gets.
    let body = vec![7; LIMIT];
    let outcome: Value = http.post(&path, "text/plain", body.into()).await.unwrap();
    assert_eq!(outcome["outcome"], "delivered");
    let heard = client.json().await;
    assert_eq!(heard["text"].as_str().unwrap(), "\u{7}".repeat(LIMIT));

    for kind in ["text/plain", "application/octet-stream"] {
        let body = vec![7; LIMIT + 1];
        let outcome: Value = http.post(&path, kind, body.into()).await.unwrap();
        let expected = json!({"outcome": "too_large", "happened": "no", "limit_bytes": LIMIT});
        assert_eq!(outcome, expected, "{kind}");
    }
}
