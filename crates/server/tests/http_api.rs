//! The HTTP side of the port.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod support;

use std::time::Duration;

use raftwire_environment::Environment;
use serde_json::{Value, json};
use support::{Cluster, Heard, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One request, written as it is; the status and the body of its answer.
async fn ask(port: u16, head: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = Environment::real()
        .connect("127.0.0.1", port)
        .await
        .unwrap();
    let (request_line, headers) = head.split_once('\n').unwrap_or((head, ""));
    let host = if headers.contains("Host:") {
        ""
    } else {
        "Host: 127.0.0.1\r\n"
    };
    let headers: String = headers
        .lines()
        .map(|line| format!("{}\r\n", line.trim()))
        .collect();
    let length = body.len();
    let head = format!(
        "{request_line} HTTP/1.1\r\n{host}{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The node may answer, and close, before it has read a body that it does not want.
    drop(stream.write_all(body).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn messages(connection: &str, query: &str, content_type: &str) -> String {
    format!("POST /api/v1/connections/{connection}/messages{query}\nContent-Type: {content_type}")
}

#[tokio::test]
async fn a_lonely_node_leads_and_is_ready() {
    let cluster = Cluster::start(1).await;
    let port = cluster.node(0).port;

    assert_eq!(
        ask(port, "GET /healthz", b"").await,
        (200, json!({"status": "alive"}))
    );
    assert_eq!(
        ask(port, "GET /readyz", b"").await,
        (200, json!({"status": "ready"}))
    );
    let (status, report) = ask(port, "GET /api/v1/cluster", b"").await;
    assert_eq!(
        (status, &report["leader"], &report["ready"]),
        (200, &json!("node1"), &json!(true))
    );
    assert_eq!(report["nodes"][0]["address"], format!("127.0.0.1:{port}"));
}

#[tokio::test]
async fn a_node_without_the_others_is_alive_and_not_ready() {
    let mut cluster = Cluster::prepare(3, &Settings::default()).await;
    cluster.node_mut(0).start();
    let port = cluster.node(0).port;
    support::eventually("its answer", async || cluster.node(0).report().await.ok()).await;

    assert_eq!(ask(port, "GET /healthz", b"").await.0, 200);
    let (status, body) = ask(port, "GET /readyz", b"").await;
    assert_eq!((status, &body["error"]["code"]), (503, &json!("not_ready")));
    let why = body["error"]["message"].as_str().unwrap();
    assert!(why.contains("no leader"), "{why}");
    assert!(support::Client::try_connect(port).await.is_none());
}

#[tokio::test]
async fn a_message_is_sent_as_its_content_type_says() {
    let cluster = Cluster::start(1).await;
    let port = cluster.node(0).port;
    let mut client = cluster.node(0).client().await;
    let delivered = (200, json!({"outcome": "delivered", "happened": "yes"}));

    let text = messages(&client.id, "", "text/plain; charset=utf-8");
    assert_eq!(ask(port, &text, "grüß dich".as_bytes()).await, delivered);
    let json_head = messages(&client.id, "?deadline_ms=1000", "application/json");
    assert_eq!(ask(port, &json_head, b"{\"a\": 1}").await, delivered);
    let bytes = messages(&client.id, "", "application/octet-stream");
    assert_eq!(ask(port, &bytes, b"\x00\xff").await, delivered);

    assert_eq!(client.json().await["text"], "grüß dich");
    assert_eq!(client.json().await["text"], "{\"a\": 1}");
    let expected = vec![2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 255];
    assert_eq!(client.hear().await, Heard::Binary(expected));
}

#[tokio::test]
async fn whatever_is_wrong_with_a_message_has_its_status() {
    let settings = Settings::default().with_flag("message-bytes-max", "10 B");
    let cluster = Cluster::start_with(1, &settings).await;
    let port = cluster.node(0).port;
    let client = cluster.node(0).client().await;
    let nobody = "~AQIDBAUGBwgJCgsMDQ4PEA";
    let plain = "text/plain";

    for (head, body, status, code) in [
        (
            messages("~bob", "", plain),
            &b"x"[..],
            400,
            "invalid_target",
        ),
        (
            messages(nobody, "?deadline=1", plain),
            b"x",
            400,
            "invalid_query",
        ),
        (
            messages(&client.id, "", "application/json"),
            b"{",
            400,
            "invalid_payload",
        ),
        (
            messages(&client.id, "", plain),
            b"\xff",
            400,
            "invalid_payload",
        ),
        (
            messages(&client.id, "", "image/png"),
            b"x",
            415,
            "unsupported_media_type",
        ),
        ("GET /nowhere".to_owned(), b"", 404, "no_such_path"),
        (
            "DELETE /api/v1/cluster".to_owned(),
            b"",
            405,
            "method_not_allowed",
        ),
    ] {
        let (answered, body) = ask(port, &head, body).await;
        assert_eq!(
            (answered, &body["error"]["code"]),
            (status, &json!(code)),
            "{head}: {body}"
        );
    }
    let (status, outcome) = ask(port, &messages(nobody, "", plain), b"x").await;
    assert_eq!((status, &outcome["outcome"]), (404, &json!("not_found")));
    let (status, outcome) = ask(port, &messages(&client.id, "", plain), b"eleven byte").await;
    assert_eq!(status, 413);
    assert_eq!(
        outcome,
        json!({"outcome": "too_large", "happened": "no", "limit_bytes": 10})
    );
}

#[tokio::test]
async fn the_api_wants_its_token() {
    let settings = Settings::default().with_variable("RAFTWIRE_HTTP_TOKEN", "0123456789abcdef");
    let mut cluster = Cluster::prepare(1, &settings).await;
    cluster.node_mut(0).start();
    let port = cluster.node(0).port;
    support::eventually("its readiness", async || {
        let connected = Environment::real().connect("127.0.0.1", port).await.is_ok();
        let is_ready = connected && ask(port, "GET /readyz", b"").await.0 == 200;
        is_ready.then_some(())
    })
    .await;

    let (status, body) = ask(port, "GET /api/v1/cluster", b"").await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (401, &json!("unauthorized"))
    );
    let wrong = "GET /api/v1/cluster\nAuthorization: Bearer 0123456789abcdeF";
    assert_eq!(ask(port, wrong, b"").await.0, 401);
    let to = messages("~AQIDBAUGBwgJCgsMDQ4PEA", "", "text/plain");
    assert_eq!(ask(port, &to, b"x").await.0, 401);
    let right = "GET /api/v1/cluster\nAuthorization: Bearer 0123456789abcdef";
    assert_eq!(ask(port, right, b"").await.0, 200);
    assert_eq!(ask(port, "GET /healthz", b"").await.0, 200);

    let url = format!("--url={}", cluster.node(0).url());
    let without = support::run(&["status", &url], &[]).await;
    assert_eq!(without.code, Some(1), "{without:?}");
    for way in ["--token", "RAFTWIRE_HTTP_TOKEN"] {
        assert!(without.stderr.contains(way), "{without:?}");
    }
    let token = [("RAFTWIRE_HTTP_TOKEN", "0123456789abcdef")];
    let with = support::run(&["status", &url], &token).await;
    assert_eq!(with.code, Some(0), "{with:?}");
}

#[tokio::test]
async fn without_a_token_web_pages_are_kept_out() {
    let cluster = Cluster::start(1).await;
    let port = cluster.node(0).port;

    for headers in [
        "Host: rebound.example.org:5000",
        "Host: 127.0.0.1\nOrigin: https://example.org",
    ] {
        let (status, body) = ask(port, &format!("GET /api/v1/cluster\n{headers}"), b"").await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (403, &json!("forbidden")),
            "{headers}"
        );
    }
}

#[tokio::test]
async fn a_port_within_reach_of_others_has_no_api_without_a_token() {
    let settings = Settings::default()
        .with_variable("RAFTWIRE_SECRET", "what only the nodes know")
        .with_flag("listen-address", "0.0.0.0");
    let mut cluster = Cluster::prepare(1, &settings).await;
    cluster.node_mut(0).start();
    let port = cluster.node(0).port;
    support::eventually("its answer", async || {
        Environment::real().connect("127.0.0.1", port).await.ok()
    })
    .await;

    let (status, body) = ask(port, "GET /api/v1/cluster", b"").await;
    assert_eq!((status, &body["error"]["code"]), (403, &json!("forbidden")));
    assert!(cluster.node(0).log().contains("the HTTP API is closed"));
}

#[tokio::test]
async fn who_is_slow_to_ask_is_cut_off() {
    let settings = Settings::default().with_flag("http-handshake-timeout", "200ms");
    let cluster = Cluster::start_with(1, &settings).await;

    for beginning in ["", "GET /healthz HTTP/1.1\r\nHost: loc"] {
        let port = cluster.node(0).port;
        let mut stream = Environment::real()
            .connect("127.0.0.1", port)
            .await
            .unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(support::WAIT_MAX, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "cut off");
    }
    // A request that takes its time after its head is not.
    let mut client = cluster.node(0).client().await;
    assert_eq!(client.hear_within(Duration::from_millis(600)).await, None);
}

#[tokio::test]
async fn heads_without_end_are_refused() {
    let cluster = Cluster::start(1).await;
    let headers = format!("X-Padding: {}", "x".repeat(32 * 1024));
    let (status, _) = ask(
        cluster.node(0).port,
        &format!("GET /healthz\n{headers}"),
        b"",
    )
    .await;
    assert_eq!(status, 431);
}
