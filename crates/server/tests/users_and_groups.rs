//! Names, users and groups as clients and callers of the API meet them.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod support;

use serde_json::{Value, json};
use support::{Client, Cluster, Settings, eventually, run};

/// As the demonstration has it: clients say who they are, send and join.
fn open() -> Settings {
    Settings::default()
        .with_flag("client-allow-join", "true")
        .with_flag("client-identity-in-query", "true")
}

async fn client(cluster: &Cluster, node: usize, query: &str) -> Client {
    Client::connect_as(cluster.node(node).port, query).await
}

/// Sends again and again, a number as text each time, until so many connections are reached: what was
/// joined is known everywhere some milliseconds later. Returns the last text.
async fn until_delivered(client: &mut Client, request: &Value, count: u64) -> String {
    for attempt in 0..1_000 {
        let (mut request, text) = (request.clone(), attempt.to_string());
        request["text"] = json!(text);
        let answer = client.ask(request).await;
        if answer["delivered"] == json!(count) {
            return text;
        }
    }
    panic!("never delivered to {count}: {request}");
}

/// Reads what there is until this text.
async fn until_heard(client: &mut Client, text: &str) {
    while client.json().await["text"] != text {}
}

#[tokio::test]
async fn a_client_is_reached_by_its_name_from_every_node() {
    let cluster = Cluster::start_with(3, &open()).await;
    let mut alice = client(&cluster, 0, "user=alice&name=alice%40phone").await;

    assert_eq!(
        (&alice.welcome["user"], &alice.welcome["name"]),
        (&json!("alice"), &json!("alice@phone"))
    );
    for node in 0..3 {
        let mut sender = client(&cluster, node, "").await;
        let result = sender.send_and_learn("alice@phone", "by name").await;
        assert_eq!(result["outcome"], "delivered", "from node {node}");
        assert_eq!(alice.json().await["text"], "by name");
    }
}

#[tokio::test]
async fn a_newer_client_takes_a_name_over_and_the_older_one_is_told() {
    let cluster = Cluster::start_with(3, &open()).await;
    let mut older = client(&cluster, 0, "name=desk").await;

    let mut newer = client(&cluster, 1, "name=desk").await;

    assert_eq!(older.closed().await.code, Some(4002));
    let mut sender = client(&cluster, 2, "").await;
    let result = sender.send_and_learn("desk", "to the newer").await;
    assert_eq!(result["outcome"], "delivered");
    assert_eq!(newer.json().await["text"], "to the newer");
}

#[tokio::test]
async fn a_name_is_refused_to_a_newer_client_where_the_operator_says_so() {
    let settings = open().with_flag("client-name-policy", "refuse");
    let cluster = Cluster::start_with(1, &settings).await;
    let port = cluster.node(0).port;
    let mut older = client(&cluster, 0, "name=desk").await;

    assert!(Client::try_connect_as(port, "name=desk").await.is_none());
    older.say(r#"{"type":"ping","id":1}"#).await;
    assert_eq!(older.json().await["type"], "pong");

    drop(older);
    let again = eventually("the name is free", async || {
        Client::try_connect_as(port, "name=desk").await
    });
    assert_eq!(again.await.welcome["name"], "desk");
}

#[tokio::test]
async fn a_user_is_reached_on_every_device_and_a_group_in_every_node() {
    let cluster = Cluster::start_with(3, &open()).await;
    let mut phone = client(&cluster, 0, "user=alice").await;
    let mut desk = client(&cluster, 1, "user=alice").await;
    let mut sender = client(&cluster, 2, "user=bob").await;

    let to_user = json!({"type": "send", "user": "alice"});
    let last = until_delivered(&mut sender, &to_user, 2).await;
    for device in [&mut phone, &mut desk] {
        until_heard(device, &last).await;
    }

    for member in [&mut phone, &mut desk] {
        let joined = member
            .ask(json!({"type": "join", "group": "news", "settled": true}))
            .await;
        assert_eq!(
            (&joined["type"], &joined["group"]),
            (&json!("joined"), &json!("news"))
        );
    }
    let to_group = json!({"type": "send", "group": "news", "json": {"headline": 1}});
    let counts = sender.ask(to_group.clone()).await;
    assert_eq!(
        (&counts["type"], &counts["delivered"]),
        (&json!("counts"), &json!(2))
    );
    for member in [&mut phone, &mut desk] {
        assert_eq!(member.json().await["text"], r#"{"headline":1}"#);
    }

    let left = phone.ask(json!({"type": "leave", "group": "news"})).await;
    assert_eq!(left["type"], "left");
    let to_group = json!({"type": "send", "group": "news"});
    until_delivered(&mut sender, &to_group, 1).await;
}

#[tokio::test]
async fn joining_and_saying_who_one_is_are_denied_by_default() {
    let cluster = Cluster::start(1).await;
    let mut somebody = client(&cluster, 0, "user=admin&name=admin").await;

    assert_eq!(somebody.welcome["user"], Value::Null);
    assert_eq!(somebody.welcome["name"], Value::Null);
    assert_eq!(somebody.welcome["may_join"], false);
    for kind in ["join", "leave"] {
        let answer = somebody.ask(json!({"type": kind, "group": "news"})).await;
        assert_eq!(
            (&answer["type"], &answer["code"]),
            (&json!("error"), &json!("not_allowed")),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn an_identity_that_cannot_be_is_refused_by_http() {
    let cluster = Cluster::start_with(1, &open()).await;
    let port = cluster.node(0).port;

    for query in ["user=", "name=%7Eadmin", "user=a&user=b"] {
        assert!(
            Client::try_connect_as(port, query).await.is_none(),
            "{query}"
        );
    }
}

#[tokio::test]
async fn callers_of_the_api_reach_users_groups_and_everybody() {
    let cluster = Cluster::start_with(2, &open()).await;
    let mut alice = client(&cluster, 0, "user=alice%2Fa&name=alice").await;
    let mut bob = client(&cluster, 1, "user=bob").await;
    let joined = bob
        .ask(json!({"type": "join", "group": "news", "settled": true}))
        .await;
    assert_eq!(joined["type"], "joined");

    for (path, text) in [
        ("connections/alice", "by name"),
        ("users/alice%2Fa", "by user"),
        ("groups/news", "by group"),
    ] {
        let path = format!("/api/v1/{path}/messages");
        eventually(text, async || {
            let http = cluster.node(1).http();
            let body = text.as_bytes().to_vec().into();
            let answer: Value = http.post(&path, "text/plain", body).await.unwrap();
            let delivered = answer["delivered"] == json!(1) || answer["outcome"] == "delivered";
            delivered.then_some(())
        })
        .await;
    }
    assert_eq!(alice.json().await["text"], "by name");
    assert_eq!(alice.json().await["text"], "by user");
    assert_eq!(bob.json().await["text"], "by group");

    let http = cluster.node(0).http();
    let body = "to all".as_bytes().to_vec().into();
    let counts: Value = http
        .post("/api/v1/messages", "text/plain", body)
        .await
        .unwrap();
    assert_eq!(counts, json!({"delivered": 2}));
    for somebody in [&mut alice, &mut bob] {
        assert_eq!(somebody.json().await["text"], "to all");
    }
}

#[tokio::test]
async fn the_command_line_reaches_users_groups_and_everybody_and_says_how_many() {
    let cluster = Cluster::start_with(2, &open()).await;
    let mut alice = client(&cluster, 0, "user=alice%2Fa").await;
    let mut bob = client(&cluster, 1, "user=bob").await;
    let joined = bob
        .ask(json!({"type": "join", "group": "news", "settled": true}))
        .await;
    assert_eq!(joined["type"], "joined");
    let url = cluster.node(1).url();
    // Of a client on the other node it is known some milliseconds after its welcome.
    let until_sent = async |recipients: &[&str], text: &str, said: &str| {
        let arguments = [&["send", "--url", &url], recipients, &[text]].concat();
        eventually(said, async || {
            let ended = run(&arguments, &[]).await;
            (ended.stdout == said).then_some(ended)
        })
        .await
    };
    let one = "delivered to 1 connection\n";

    let to_user = until_sent(&["--user", "alice/a"], "by user", one).await;
    let to_group = until_sent(&["--group", "news"], "by group", one).await;
    let two = "delivered to 2 connections\n";
    let to_all = until_sent(&["--everybody"], "to all", two).await;
    let nobody = until_sent(&["--user", "carol"], "hello", "delivered to nobody\n").await;

    for ended in [to_user, to_group, to_all] {
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    }
    assert_eq!((nobody.code, &*nobody.stderr), (Some(1), ""));
    assert_eq!(alice.json().await["text"], "by user");
    assert_eq!(bob.json().await["text"], "by group");
    for somebody in [&mut alice, &mut bob] {
        assert_eq!(somebody.json().await["text"], "to all");
    }
}

#[tokio::test]
async fn the_command_line_names_the_node_that_a_message_did_not_reach() {
    let mut cluster = Cluster::start_with(2, &open()).await;
    let mut alice = client(&cluster, 0, "user=alice").await;

    // Half of two is no majority, so that nobody declares it dead.
    cluster.kill(1).await;
    let url = cluster.node(0).url();
    let ended = run(&["send", "--url", &url, "--everybody", "to all"], &[]).await;

    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut lines = ended.stdout.lines();
    assert_eq!(lines.next(), Some("delivered to 1 connection"));
    let missed = lines.next().expect("a second line");
    assert!(missed.contains("delivered to those on node2: "), "{missed}");
    assert_eq!(alice.json().await["text"], "to all");
}

#[tokio::test]
async fn a_message_of_the_command_line_is_for_one_recipient() {
    for arguments in [
        &["send", "hello"][..],
        &["send", "--user", "alice", "--group", "news", "hello"],
        &["send", "--everybody", "alice", "hello"],
        &["send", "--everybody"],
        &["send", "--user", "", "hello"],
        &["send", "~bob", "hello"],
    ] {
        let ended = run(arguments, &[]).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
    }
}
