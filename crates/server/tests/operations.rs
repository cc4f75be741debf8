//! What an operator reads: metrics, logs, the list of nodes.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // it reads the repository's pages

mod support;

use std::collections::BTreeSet;

use raftwire_environment::Environment;
use raftwire_server::metrics::{CONTENT_TYPE, Kind, families};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use support::{
    Client, Cluster, Exposition, Heard, Settings, eventually, is_metric_name, run, scrape,
};

#[tokio::test]
async fn metrics_are_a_well_formed_exposition_and_true() {
    let cluster = Cluster::start(2).await;
    let mut one = cluster.node(0).client().await;
    let mut two = cluster.node(1).client().await;
    let to = two.id.clone();
    let result = one.send_and_learn(&to, "hello").await;
    assert_eq!(result["outcome"], "delivered", "{result}");
    assert!(matches!(two.hear().await, Heard::Json(_)));

    let (head, body) = scrape(cluster.node(0).port, "").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let content_type = format!("content-type: {CONTENT_TYPE}");
    assert!(
        head.to_ascii_lowercase()
            .contains(&content_type.to_ascii_lowercase())
    );
    let parsed = Exposition::parse(&body);

    let told: BTreeSet<&str> = parsed.kinds.keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = families().map(|family| family.name).collect();
    assert_eq!(told, known);
    assert_eq!(known.len(), families().count(), "a name twice");
    for family in families() {
        assert_eq!(parsed.help[family.name], family.help);
        assert_eq!(parsed.kinds[family.name], family.kind.as_str());
    }
    for ((name, labels), value) in &parsed.series {
        let metric = parsed.metric_of(name);
        let family = families().find(|family| family.name == metric).unwrap();
        let mut expected: BTreeSet<_> = family.labels.iter().copied().collect();
        if name != metric && name.ends_with("_bucket") {
            expected.insert("le");
        }
        let told: BTreeSet<_> = labels.keys().map(String::as_str).collect();
        assert_eq!(told, expected, "{name}");
        assert!(value.is_finite() && *value >= 0.0, "{name} {value}");
    }

    let outcome = [
        ("to", "remote"),
        ("outcome", "delivered"),
        ("happened", "yes"),
    ];
    for (name, labels, value) in [
        ("raftwire_node_ready", &[][..], 1.0),
        ("raftwire_connections", &[], 1.0),
        ("raftwire_connections_accepted_total", &[], 1.0),
        ("raftwire_messages_routed_total", &outcome, 1.0),
        ("raftwire_members", &[("state", "alive")], 2.0),
        (
            "raftwire_channel_up",
            &[("peer", "node2"), ("lane", "data")],
            1.0,
        ),
        (
            "raftwire_channel_up",
            &[("peer", "node2"), ("lane", "control")],
            1.0,
        ),
        (
            "raftwire_unreachable_pair",
            &[("from", "node1"), ("to", "node2")],
            0.0,
        ),
    ] {
        assert_eq!(parsed.value(name, labels), Some(value), "{name}");
    }
    let sent = parsed.value("raftwire_link_sent_bytes_total", &[("peer", "node2")]);
    assert!(sent.unwrap() > 0.0);
    assert_vocabulary_is_documented(&parsed);
}

/// Compares the values that labels have with those that the page lists, both ways. Every series of a
/// vocabulary is told from the start, so that one exposition has them all; names of nodes and
/// versions are no vocabulary.
fn assert_vocabulary_is_documented(parsed: &Exposition) {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("## Labels").expect("the labels");
    // What stands between backquotes, in the first cell and in the second.
    let quoted = |cell: &str| -> BTreeSet<String> {
        let words = cell.split('`').skip(1).step_by(2);
        words.map(str::to_owned).collect()
    };
    let mut documented = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').collect();
        for label in quoted(cells[1]) {
            for value in quoted(cells[2]) {
                documented.insert((label.clone(), value));
            }
        }
    }
    let is_open = |name: &str, label: &str| {
        ["peer", "from", "version"].contains(&label) || name == "raftwire_unreachable_pair"
    };
    let mut told = BTreeSet::new();
    for (name, labels) in parsed.series.keys() {
        for (label, value) in labels.iter().filter(|(label, _)| !is_open(name, label)) {
            told.insert((label.clone(), value.clone()));
        }
    }
    assert_eq!(told, documented, "told, and documented in docs/metrics.md");
}

#[test]
fn metrics_are_named_with_base_units_and_explained() {
    for family in families() {
        let name = family.name;
        assert!(
            is_metric_name(name) && name.starts_with("raftwire_"),
            "{name}"
        );
        let is_counter = family.kind.as_str() == "counter";
        assert_eq!(name.ends_with("_total"), is_counter, "{name}");
        let words: Vec<_> = name.split('_').collect();
        for other in [
            "ms",
            "milliseconds",
            "kb",
            "kib",
            "mb",
            "ratio",
            "percent",
            "minutes",
        ] {
            assert!(!words.contains(&other), "{name}: base units only");
        }
        let unit_at = words.len() - if is_counter { 2 } else { 1 };
        for unit in ["seconds", "bytes"] {
            let at = words.iter().position(|word| *word == unit);
            assert!(
                at.is_none_or(|at| at == unit_at),
                "{name}: the unit is last"
            );
        }
        assert!(
            family.help.len() > 20 && family.help.ends_with('.'),
            "{name}"
        );
        assert!(
            !family.help.contains('|'),
            "{name}: it is a cell of a table"
        );
        assert!(
            family.labels.iter().all(|label| is_metric_name(label)),
            "{name}"
        );
    }
}

#[test]
fn the_page_of_metrics_lists_each_as_it_is() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (before, list) = page.split_once("## All metrics").expect("the list");
    let told: Vec<_> = list
        .lines()
        .filter(|line| line.starts_with("| `raftwire_"))
        .collect();
    let words = before.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    for name in words.filter(|word| word.starts_with("raftwire_")) {
        let is_told = families().any(|family| match family.kind {
            Kind::Histogram => name
                .strip_prefix(family.name)
                .is_some_and(|suffix| ["_bucket", "_sum", "_count"].contains(&suffix)),
            Kind::Counter | Kind::Gauge => family.name == name,
        });
        assert!(is_told, "the page speaks of {name}, which is not told");
    }
    let row = |family: &raftwire_server::metrics::Family| {
        let labels: Vec<_> = family
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let labels = if labels.is_empty() {
            "–".to_owned()
        } else {
            labels.join(", ")
        };
        let (name, kind, help) = (family.name, family.kind.as_str(), family.help);
        format!("| `{name}` | {kind} | {labels} | {help} |")
    };
    let expected: Vec<_> = families().map(row).collect();
    assert_eq!(
        told,
        expected,
        "docs/metrics.md should have:\n{}",
        expected.join("\n")
    );
}

#[tokio::test]
async fn clients_are_told_of_by_why_they_were_refused_and_how_they_ended() {
    let settings = Settings::default()
        .with_flag("client-identity-in-query", "true")
        .with_flag("client-name-policy", "refuse")
        .with_flag("client-connections-max", "4");
    let cluster = Cluster::start_with(1, &settings).await;
    let port = cluster.node(0).port;
    let _bob = Client::connect_as(port, "name=bob").await;
    for query in ["name=bob", "name=bob", "name=~bob"] {
        assert!(Client::try_connect_as(port, query).await.is_none());
    }
    let left = Client::connect(port).await;
    let lost = Client::connect(port).await;
    let mut large = Client::connect(port).await;
    assert!(Client::try_connect(port).await.is_none(), "a fifth client");
    left.close(3333).await;
    drop(lost);
    large.say_bytes(vec![0; 3 << 20]).await;
    assert_eq!(large.closed().await.code, Some(1009));

    let told = eventually("the ends", async || {
        let told = Exposition::of(port).await;
        (told.value("raftwire_connections", &[]) == Some(1.0)).then_some(told)
    })
    .await;

    for (by, code, count) in [
        ("this_node", "1009", 1.0),
        ("client", "other", 1.0),
        ("client", "1006", 1.0),
        ("client", "1009", 0.0),
    ] {
        let labels = [("by", by), ("code", code)];
        let ended = told.value("raftwire_websockets_ended_total", &labels);
        assert_eq!(ended, Some(count), "{by} {code}");
    }
    for (reason, count) in [
        ("too_many_clients", 1.0),
        ("name_taken", 2.0),
        ("invalid_identity", 1.0),
        ("origin_not_allowed", 0.0),
    ] {
        let refused = told.value("raftwire_openings_refused_total", &[("reason", reason)]);
        assert_eq!(refused, Some(count), "{reason}");
    }
    for (name, count) in [
        ("raftwire_connections_named", 1.0),
        ("raftwire_names", 1.0),
        ("raftwire_names_limit", 1_000_000.0),
    ] {
        assert_eq!(told.value(name, &[]), Some(count), "{name}");
    }
}

/// What an opening of `/ws` asks for; the key is RFC 6455's own.
const OPENING: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: raftwire.v1\r\n\r\n";

/// A client's frame, with a mask that changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126, "a short frame");
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

#[tokio::test]
async fn each_byte_of_a_client_is_counted_once_however_it_is_framed() {
    let cluster = Cluster::start(1).await;
    let port = cluster.node(0).port;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // A ping of the protocol in three fragments, one of WebSocket between them, and the close.
    let frames = [
        frame(0x01, br#"{"type":"#),
        frame(0x89, b"are you there"),
        frame(0x00, br#""ping","#),
        frame(0x80, br#""id":1}"#),
        frame(0x88, &1000_u16.to_be_bytes()),
    ]
    .concat();
    stream.write_all(OPENING.as_bytes()).await.unwrap();
    stream.write_all(&frames).await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    let head = heard.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    assert!(heard.starts_with(b"HTTP/1.1 101"));
    assert!(heard.ends_with(&1000_u16.to_be_bytes()) || heard.ends_with(b"normal"));

    // The node has ended the stream after it had counted all of it.
    let told = Exposition::of(port).await;
    for (direction, bytes) in [("received", frames.len()), ("sent", heard.len() - head)] {
        let labels = [("direction", direction)];
        let counted = told.value("raftwire_websocket_bytes_total", &labels);
        assert_eq!(counted, Some(bytes as f64), "{direction}");
    }
}

#[tokio::test]
async fn metrics_want_the_token_like_the_rest_of_the_api() {
    let settings = Settings::default().with_variable("RAFTWIRE_HTTP_TOKEN", "0123456789abcdef");
    let mut cluster = Cluster::prepare(1, &settings).await;
    cluster.node_mut(0).start();
    let port = cluster.node(0).port;
    eventually("it listens", async || {
        Environment::real().connect("127.0.0.1", port).await.ok()
    })
    .await;

    let (head, body) = scrape(port, "").await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    assert!(!body.contains("raftwire_"), "{body}");
    let (head, _) = scrape(port, "Authorization: Bearer 0123456789abcdef\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

#[tokio::test]
async fn a_json_log_is_an_object_a_line_with_its_fields_apart() {
    let settings = Settings::default()
        .with_flag("log-format", "json")
        .with_flag("log-level", "info,raftwire=debug");
    let mut cluster = Cluster::start_with(1, &settings).await;
    assert!(cluster.node_mut(0).terminate().await.success());

    let log = cluster.node(0).log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let said = |message: &str| {
        let mut lines = lines.iter();
        let found = lines.find(|line| line["fields"]["message"] == message);
        found.unwrap_or_else(|| panic!("not said: {message}: {log}"))
    };
    let listening = said("listening");
    assert_eq!(listening["level"], "INFO");
    assert_eq!(listening["fields"]["node"], "node1");
    assert!(listening["timestamp"].is_string());
    assert_eq!(said("a node is up")["fields"]["peer"], "node1");
    assert!(said("another leader")["fields"]["term"].is_u64());
    let above = lines
        .iter()
        .filter(|line| line["level"] == "WARN" || line["level"] == "ERROR");
    assert_eq!(
        above.collect::<Vec<_>>(),
        Vec::<&Value>::new(),
        "nothing to act on"
    );
}

#[tokio::test]
async fn nodes_are_listed_with_their_roles() {
    let cluster = Cluster::start(2).await;
    let _client = cluster.node(1).client().await;
    let (leader, _) = cluster.leader_among(&[0, 1]).await;
    let url = cluster.node(0).url();
    let ended = run(&["nodes", "--url", &url], &[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let lines: Vec<Vec<_>> = ended
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0],
        [
            "NODE",
            "ADDRESS",
            "ALIVE",
            "ROLE",
            "INCARNATION",
            "CONNECTIONS"
        ]
    );
    for (index, connections) in [(0, "0"), (1, "1")] {
        let line = &lines[index + 1];
        let role = if index == leader { "leader" } else { "voter" };
        let node = cluster.node(index);
        assert_eq!(line[0], node.name);
        assert_eq!(line[1], format!("127.0.0.1:{}", node.port));
        assert_eq!((line[2], line[3], line[5]), ("yes", role, connections));
    }

    let ended = run(&["nodes", "--json", "--url", &url], &[]).await;
    let nodes: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(nodes[1]["node"], "node2");
    assert_eq!(nodes[1]["connections"], 1);
    assert!(["leader", "voter"].contains(&nodes[0]["role"].as_str().unwrap()));
}
