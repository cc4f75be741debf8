//! `raftwire.v1` over real sockets, spoken by a library that shares no code with the server.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod support;

use std::time::Duration;

use raftwire_environment::Environment;
use serde_json::{Value, json};
use support::{Client, Closed, Cluster, Heard, Settings, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn one_node() -> Cluster {
    Cluster::start(1).await
}

async fn two_clients(cluster: &Cluster) -> (Client, Client) {
    (
        cluster.node(0).client().await,
        cluster.node(0).client().await,
    )
}

/// What a node answers to a request that is written byte by byte.
async fn raw(port: u16, request: &str) -> String {
    let mut stream = Environment::real()
        .connect("127.0.0.1", port)
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

const OPENING: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
     Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[tokio::test]
async fn a_client_is_welcomed_with_its_own_id() {
    let cluster = one_node().await;
    let (first, second) = two_clients(&cluster).await;

    let expected = json!({
        "type": "welcome", "connection": first.id, "node": "node1", "resume": null,
        "may_send": true, "may_join": false, "message_bytes_max": 1_048_576, "ping_interval_ms": 25_000,
    });
    assert_eq!(first.welcome, expected);
    assert!(first.id.len() == 23 && first.id.starts_with('~'));
    assert_ne!(first.id, second.id);
}

#[tokio::test]
async fn a_brief_answer_is_given_to_who_asks_for_it_if_the_message_was_delivered() {
    let cluster = Cluster::start(2).await;
    let mut sender = cluster.node(0).client().await;
    let mut remote = cluster.node(1).client().await;
    let gone = cluster.node(1).client().await;
    let gone_id = gone.id.clone();
    gone.close(1000).await;
    let brief = |to: &str, id: u8| {
        let mut send = vec![1, 1, 0, 23, 0, 0, 0, 0, 0, 0, 0, id];
        send.extend_from_slice(to.as_bytes());
        send.extend_from_slice(&[id; 5_000]);
        send
    };

    // Locally it is known at once, elsewhere later.
    for (id, to) in [(1, sender.id.clone()), (2, remote.id.clone())] {
        sender.say_bytes(brief(&to, id)).await;
        let answer = vec![5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, id];
        let mut heard = vec![sender.hear().await];
        if to == sender.id {
            heard.push(sender.hear().await);
        }
        assert!(heard.contains(&Heard::Binary(answer)), "{heard:?}");
    }
    let Heard::Binary(message) = remote.hear().await else {
        panic!("no binary message");
    };
    assert_eq!(message[..12], [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert!(message[12..] == [2; 5_000]);

    sender.say_bytes(brief(&gone_id, 3)).await;
    let result = json!({"type": "result", "id": 3, "outcome": "not_found", "happened": "no"});
    assert_eq!(sender.json().await, result);
}

#[tokio::test]
async fn without_the_subprotocol_nobody_is_let_in() {
    let cluster = one_node().await;
    let port = cluster.node(0).port;

    for offer in ["", "Sec-WebSocket-Protocol: graphql-ws, raftwire.v2\r\n"] {
        let answer = raw(port, &format!("{OPENING}{offer}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(
            answer.contains(r#""code":"subprotocol_required""#),
            "{answer}"
        );
    }
    let offer = "Sec-WebSocket-Protocol: graphql-ws, raftwire.v1\r\n";
    let answer = raw(port, &format!("{OPENING}{offer}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");

    let answer = raw(port, "GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
}

#[tokio::test]
async fn sending_is_denied_by_default() {
    let settings = Settings {
        arguments: Vec::new(),
        ..Settings::default()
    };
    let cluster = Cluster::start_with(1, &settings).await;
    let (mut client, mut other) = two_clients(&cluster).await;

    assert_eq!(client.welcome["may_send"], false);
    let result = client.send_and_learn(&other.id, "hello").await;

    assert_eq!(
        (&result["outcome"], &result["happened"]),
        (&json!("refused"), &json!("no"))
    );
    assert!(
        result["reason"]
            .as_str()
            .unwrap()
            .contains("client.allow_send"),
        "{result}"
    );
    // The other one hears its own pong next, and nothing before it.
    other.say(r#"{"type":"ping","id":1}"#).await;
    assert_eq!(other.json().await, json!({"type": "pong", "id": 1}));
}

#[tokio::test]
async fn text_json_and_bytes_arrive_numbered_in_one_sequence() {
    let cluster = one_node().await;
    let (mut client, mut other) = two_clients(&cluster).await;

    client.send_and_learn(&other.id, "text").await;
    let send = json!({"type": "send", "id": 50, "to": other.id, "json": {"a": [1, "b"]}});
    client.say(send.to_string()).await;
    assert_eq!(client.json().await["id"], 50);
    let mut bytes = vec![1, 0, 0, 23, 0, 0, 0, 0, 0, 0, 0, 51];
    bytes.extend_from_slice(other.id.as_bytes());
    bytes.extend_from_slice(&[0, 255, 7]);
    client.say_bytes(bytes).await;
    assert_eq!(
        client.json().await,
        json!({"type": "result", "id": 51, "outcome": "delivered", "happened": "yes"})
    );

    assert_eq!(
        other.json().await,
        json!({"type": "message", "seq": 1, "text": "text"})
    );
    let message = other.json().await;
    assert_eq!(message["seq"], 2);
    let inner: Value = serde_json::from_str(message["text"].as_str().unwrap()).unwrap();
    assert_eq!(inner, json!({"a": [1, "b"]}));
    let message = vec![2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 255, 7];
    assert_eq!(other.hear().await, Heard::Binary(message));
}

#[tokio::test]
async fn a_client_can_send_to_itself() {
    let cluster = one_node().await;
    let mut client = cluster.node(0).client().await;
    let own = client.id.clone();
    client.send(&own, "note").await;

    let mut heard = [client.json().await, client.json().await];
    heard.sort_by_key(|message| message["type"].as_str().map(str::to_owned));
    assert_eq!(
        heard[0],
        json!({"type": "message", "seq": 1, "text": "note"})
    );
    assert_eq!(heard[1]["outcome"], "delivered");
}

#[tokio::test]
async fn a_closed_connection_is_not_found() {
    let cluster = one_node().await;
    let (mut client, other) = two_clients(&cluster).await;
    let gone = other.id.clone();
    drop(other);

    eventually("the end of the connection", async || {
        let result = client.send_and_learn(&gone, "hello").await;
        (result["outcome"] == "not_found").then_some(())
    })
    .await;
}

#[tokio::test]
async fn mistakes_are_answered_and_the_connection_stays() {
    let cluster = one_node().await;
    let mut client = cluster.node(0).client().await;

    for (said, code, id) in [
        ("nonsense", "malformed", Value::Null),
        (r#"{"type":"fly","id":3}"#, "unknown_type", json!(3)),
        (
            r#"{"type":"send","id":4,"to":"~bob","text":"x"}"#,
            "invalid_target",
            json!(4),
        ),
        (
            r#"{"type":"send","id":5,"to":"bob"}"#,
            "malformed",
            json!(5),
        ),
    ] {
        client.say(said).await;
        let error = client.json().await;
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("error"), &json!(code)),
            "{said}"
        );
        assert_eq!(error["id"], id, "{said}");
    }
    client.say_bytes(vec![9; 20]).await;
    assert_eq!(client.json().await["code"], "unknown_type");
    client.say(r#"{"type":"ping"}"#).await;
    assert_eq!(client.json().await, json!({"type": "pong"}));
}

#[tokio::test]
async fn messages_of_one_sender_stay_in_order_with_many_on_their_way() {
    const COUNT: u64 = 2_000;
    let cluster = Cluster::start(2).await;
    let (mut client, mut other) = (
        cluster.node(0).client().await,
        cluster.node(1).client().await,
    );
    let to = other.id.clone();

    let sending = async {
        for id in 1..=COUNT {
            let send = json!({"type": "send", "id": id, "to": to, "text": id.to_string()});
            client.feed(send.to_string()).await.unwrap();
        }
        client.flush().await.unwrap();
        let mut answered = std::collections::BTreeSet::new();
        while answered.len() < COUNT as usize {
            let result = client.json().await;
            assert_eq!(result["outcome"], "delivered", "{result}");
            assert!(
                answered.insert(result["id"].as_u64().unwrap()),
                "answered twice: {result}"
            );
        }
    };
    let receiving = async {
        for id in 1..=COUNT {
            let expected = json!({"type": "message", "seq": id, "text": id.to_string()});
            assert_eq!(other.json().await, expected);
        }
    };
    tokio::join!(sending, receiving);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_as_slow_and_delays_nobody() {
    let settings = Settings::default().with_flag("outbox-bytes-max", "64 KiB");
    let cluster = Cluster::start_with(1, &settings).await;
    let (mut client, mut slow) = two_clients(&cluster).await;
    let mut other = cluster.node(0).client().await;
    let to = slow.id.clone();
    let text = "x".repeat(16 * 1024);

    // The kernel's buffers take some megabytes before the outbox fills.
    let mut delivered = 0_u64;
    let outcome = loop {
        let result = client.send_and_learn(&to, &text).await;
        if result["outcome"] != "delivered" {
            break result;
        }
        delivered += 1;
        assert!(delivered < 10_000, "nothing bounds what waits for a client");
    };
    assert_eq!(
        (&outcome["outcome"], &outcome["happened"]),
        (&json!("slow_consumer"), &json!("no"))
    );
    let id = other.id.clone();
    assert_eq!(
        client.send_and_learn(&id, "quick").await["outcome"],
        "delivered"
    );
    assert_eq!(other.json().await["text"], "quick");

    // When it reads again it finds an unbroken beginning, and why it was closed.
    let mut received = 0;
    let closed = loop {
        match slow.hear().await {
            Heard::Json(message) => {
                received += 1;
                assert_eq!(message["seq"], received);
            }
            Heard::Closed(closed) => break closed,
            Heard::Binary(bytes) => panic!("{bytes:?}"),
        }
    };
    assert_eq!(
        closed,
        Closed {
            code: Some(4001),
            reason: "slow consumer".to_owned()
        }
    );
}

#[tokio::test]
async fn silence_is_noticed() {
    let settings = Settings::default().with_flag("client-ping-interval", "1s");
    let cluster = Cluster::start_with(1, &settings).await;
    let port = cluster.node(0).port;
    // A socket that answers no ping, and a client that does.
    let mut silent = Environment::real()
        .connect("127.0.0.1", port)
        .await
        .unwrap();
    let opening = format!("{OPENING}Sec-WebSocket-Protocol: raftwire.v1\r\n\r\n");
    silent.write_all(opening.as_bytes()).await.unwrap();
    let mut client = cluster.node(0).client().await;
    let listening = Environment::real().spawn("listener", async move {
        // Reading answers pings.
        assert_eq!(client.hear_within(Duration::from_secs(6)).await, None);
        client
    });

    let mut received = Vec::new();
    let ended = tokio::time::timeout(support::WAIT_MAX, silent.read_to_end(&mut received)).await;
    drop(ended.expect("the node ends it"));

    let close = [0x88, 7, 0x0f, 0xa4, b's', b't', b'a', b'l', b'e'];
    assert!(
        received.windows(close.len()).any(|window| window == close),
        "4004 stale"
    );
    let mut client = listening.await.unwrap();
    client.say(r#"{"type":"ping"}"#).await;
    assert_eq!(client.json().await, json!({"type": "pong"}));
}

#[tokio::test]
async fn a_node_that_stops_sends_its_clients_away_and_exits_with_0() {
    let mut cluster = one_node().await;
    let (mut client, mut other) = two_clients(&cluster).await;

    let stopping = cluster.node_mut(0).terminate();
    let (status, closed, other_closed) = tokio::join!(stopping, client.closed(), other.closed());

    assert!(status.success(), "{status}");
    let going_away = Closed {
        code: Some(1001),
        reason: "going away".to_owned(),
    };
    assert_eq!((&closed, &other_closed), (&going_away, &going_away));
}

#[tokio::test]
async fn what_was_acknowledged_before_a_stop_is_received() {
    let mut cluster = one_node().await;
    let (mut client, mut other) = two_clients(&cluster).await;
    let to = other.id.clone();
    for number in 0..100 {
        let result = client.send_and_learn(&to, &number.to_string()).await;
        assert_eq!(result["outcome"], "delivered");
    }

    let stopping = cluster.node_mut(0).terminate();
    let receiving = async {
        for number in 0..100 {
            assert_eq!(other.json().await["text"], number.to_string());
        }
        assert_eq!(other.closed().await.code, Some(1001));
    };
    tokio::join!(stopping, receiving);
}

#[tokio::test]
async fn no_more_clients_than_allowed_and_the_next_when_one_goes() {
    let settings = Settings::default().with_flag("client-connections-max", "2");
    let cluster = Cluster::start_with(1, &settings).await;
    let (first, _second) = two_clients(&cluster).await;

    let offer = "Sec-WebSocket-Protocol: raftwire.v1\r\n";
    let answer = raw(cluster.node(0).port, &format!("{OPENING}{offer}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains(r#""code":"too_many_clients""#), "{answer}");
    assert!(
        cluster.node(0).report().await.is_ok(),
        "the API has places of its own"
    );

    drop(first);
    eventually("a place", || Client::try_connect(cluster.node(0).port)).await;
    assert_eq!(
        cluster.node(0).log().matches("this is said once").count(),
        1
    );
}
