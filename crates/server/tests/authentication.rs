//! The application is asked who a client is.

// In the helpers of the tests too; the application is none of ours, and shares no code with us.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use support::{Client, Cluster, Exposition, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TOKEN: &str = "a-token-of-the-application";

/// An application that answers by the query of the client: its status, and its body.
#[derive(Debug)]
struct Application {
    port: u16,
    /// What it was asked: head and body.
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Application {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Application {
    async fn start() -> Application {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&record)));
            }
        });
        Application { port, asked, task }
    }

    fn settings(&self) -> Settings {
        let url = format!("http://127.0.0.1:{}/who?is=it", self.port);
        Settings::default()
            .with_flag("client-authentication-url", &url)
            .with_flag("client-authentication-timeout", "500ms")
            .with_variable("RAFTWIRE_CLIENT_AUTHENTICATION_TOKEN", TOKEN)
    }
}

async fn answer(mut stream: TcpStream, asked: Arc<Mutex<Vec<(String, Value)>>>) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut more = [0; 4096];
        let length = stream.read(&mut more).await.unwrap();
        assert!(length > 0, "the question ends too early");
        bytes.extend_from_slice(&more[..length]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        if let Ok(body) = serde_json::from_str::<Value>(body) {
            break (head.to_owned(), body);
        }
    };
    let query = body["query"].as_str().unwrap().to_owned();
    asked.lock().unwrap().push((head, body));
    let (status, body) = match query.as_str() {
        "let=in" => (
            200,
            json!({"user": "alice", "groups": ["news"], "metadata": {"plan": "pro"}}),
        ),
        "let=nobody" => (200, json!({})),
        "say=who" => (401, json!({"message": "log in first"})),
        "keep=out" => (403, json!({})),
        "say=nonsense" => (200, json!({"usr": "alice"})),
        // No answer at all.
        _ => {
            let _ = stream.read(&mut [0; 16]).await;
            return;
        }
    };
    let body = body.to_string();
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all((head + &body).as_bytes()).await.unwrap();
}

/// What the node answers to an opening with this query: the status and the body.
async fn open(port: u16, query: &str) -> (u16, Value) {
    let (head, body) = answer_to(port, query, "raftwire.v1").await;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// The answer to an opening that offers these subprotocols: its head, and its body.
async fn answer_to(port: u16, query: &str, protocols: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "GET /ws?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {protocols}\r\nCookie: session=7f3a\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn the_application_is_told_what_the_client_asked_and_says_who_it_is() {
    let application = Application::start().await;
    let cluster = Cluster::start_with(1, &application.settings()).await;
    let port = cluster.node(0).port;

    let alice = Client::connect_as(port, "let=in").await;
    let nobody = Client::connect_as(port, "let=nobody").await;

    assert_eq!(alice.welcome["user"], "alice");
    assert_eq!(nobody.welcome["user"], Value::Null);
    let (head, question) = application.asked.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /who?is=it HTTP/1.1"), "{head}");
    assert!(
        head.to_lowercase()
            .contains(&format!("authorization: bearer {TOKEN}")),
        "{head}"
    );
    assert_eq!(
        (&question["node"], &question["path"], &question["query"]),
        (&json!("node1"), &json!("/ws"), &json!("let=in"))
    );
    let http = cluster.node(0).http();
    let body = "to the group".as_bytes().to_vec().into();
    let path = "/api/v1/groups/news/messages";
    let counts: Value = http.post(path, "text/plain", body).await.unwrap();
    assert_eq!(
        counts,
        json!({"delivered": 1}),
        "alice is in it from the beginning"
    );
}

#[tokio::test]
async fn a_page_may_bring_its_token_as_a_second_subprotocol() {
    let application = Application::start().await;
    let cluster = Cluster::start_with(1, &application.settings()).await;
    let offered = "raftwire.v1, session-7f3a";

    let (head, _) = answer_to(cluster.node(0).port, "let=in", offered).await;

    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let mut lines = head.lines().map(str::to_ascii_lowercase);
    let chosen = lines.find(|line| line.starts_with("sec-websocket-protocol:"));
    assert_eq!(
        chosen.as_deref(),
        Some("sec-websocket-protocol: raftwire.v1")
    );
    let asked = application.asked.lock().unwrap();
    assert_eq!(asked[0].1["headers"]["sec-websocket-protocol"], offered);
}

#[tokio::test]
async fn clients_are_kept_out_with_the_applications_reason() {
    let application = Application::start().await;
    let cluster = Cluster::start_with(1, &application.settings()).await;
    let port = cluster.node(0).port;

    for (query, status, code) in [
        ("say=who", 401, "unauthenticated"),
        ("keep=out", 403, "not_admitted"),
        ("say=nonsense", 503, "authentication_unavailable"),
        ("say=nothing", 503, "authentication_unavailable"),
    ] {
        let (answered, body) = open(port, query).await;
        assert_eq!(
            (answered, &body["error"]["code"]),
            (status, &json!(code)),
            "{query}"
        );
    }
    let (_, body) = open(port, "say=who").await;
    assert_eq!(body["error"]["message"], "log in first");
    let asked = application.asked.lock().unwrap();
    assert_eq!(asked[0].1["headers"]["cookie"], "session=7f3a");
}

#[tokio::test]
async fn what_asking_the_application_costs_is_told_in_metrics() {
    let application = Application::start().await;
    let cluster = Cluster::start_with(1, &application.settings()).await;
    let port = cluster.node(0).port;
    for query in [
        "let=in",
        "say=who",
        "keep=out",
        "say=nonsense",
        "say=nothing",
    ] {
        open(port, query).await;
    }
    drop(application);
    open(port, "let=in").await;

    let told = Exposition::of(port).await;

    let hook = "raftwire_authentication_hook";
    assert_eq!(told.value(&format!("{hook}_seconds_count"), &[]), Some(6.0));
    let up_to = |bound| {
        let name = format!("{hook}_seconds_bucket");
        told.value(&name, &[("le", bound)]).unwrap()
    };
    assert!(up_to("0.25") <= 5.0, "one took 500 ms, the timeout");
    assert_eq!(up_to("10"), 6.0);
    let seconds = told.value(&format!("{hook}_seconds_sum"), &[]).unwrap();
    assert!((0.5..60.0).contains(&seconds), "{seconds}");
    for (reason, count) in [
        ("timeout", 1.0),
        ("identity", 1.0),
        ("unreachable", 1.0),
        ("status", 0.0),
        ("no_http", 0.0),
    ] {
        let failures = told.value(&format!("{hook}_failures_total"), &[("reason", reason)]);
        assert_eq!(failures, Some(count), "{reason}");
    }
    for (reason, count) in [
        ("unauthenticated", 1.0),
        ("not_admitted", 1.0),
        ("authentication_unavailable", 3.0),
    ] {
        let refused = told.value("raftwire_openings_refused_total", &[("reason", reason)]);
        assert_eq!(refused, Some(count), "{reason}");
    }
}

#[tokio::test]
async fn nobody_is_let_in_while_the_application_is_away() {
    let application = Application::start().await;
    let settings = application.settings();
    drop(application);
    let cluster = Cluster::start_with(1, &settings).await;

    for _ in 0..3 {
        let (status, body) = open(cluster.node(0).port, "let=in").await;

        assert_eq!(
            (status, &body["error"]["code"]),
            (503, &json!("authentication_unavailable"))
        );
    }
    let log = cluster.node(0).log();
    let warnings = log.matches("the authentication hook does not answer");
    assert_eq!(warnings.count(), 1, "each reason once a minute: {log}");
    assert!(!log.contains("--url"), "advice for a command line: {log}");
    assert!(
        !cluster.node(0).log().contains(TOKEN),
        "a secret in the log"
    );
}

#[tokio::test]
async fn a_hook_that_cannot_be_asked_is_said_at_the_start() {
    let ended = support::run(
        &[
            "serve",
            "--ephemeral",
            "true",
            "--client-authentication-url",
            "not a url",
        ],
        &[],
    )
    .await;

    assert_ne!(ended.code, Some(0));
    assert!(
        ended.stderr.contains("client.authentication_url"),
        "{}",
        ended.stderr
    );
}
