//! `raftwire bench`: the load generator against real nodes.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod support;

use serde_json::Value;
use support::{Authority, Cluster, Ended, Settings, end_of, raftwire_with_open_files, run};

/// Runs `raftwire bench` with these arguments for a second, in JSON.
async fn bench(arguments: &[&str]) -> Ended {
    let run_for = ["--seconds", "1", "--warm-up", "0", "--json"];
    run(&[&["bench"], arguments, &run_for].concat(), &[]).await
}

fn report(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stderr, "", "no bar where there is no terminal");
    serde_json::from_str(&ended.stdout).unwrap()
}

async fn echoing() -> Cluster {
    let settings = Settings::default().with_flag("client-echo", "true");
    Cluster::start_with(1, &settings).await
}

fn ws(cluster: &Cluster, index: usize, path: &str) -> String {
    format!("ws://127.0.0.1:{}{path}", cluster.node(index).port)
}

#[tokio::test]
async fn echoes_are_counted_and_timed_however_long_they_are() {
    let cluster = echoing().await;
    let url = ws(&cluster, 0, "/echo");
    for bytes in ["1", "64", "200000"] {
        let load = ["--connections", "3", "--pipelined", "2", "--bytes", bytes];
        let report = report(&bench(&[&["echo", &url], &load[..]].concat()).await);

        let answered = report["answered"].as_u64().unwrap();
        assert!(answered > 6, "{report:#}");
        assert_eq!(report["outcomes"]["echoed"].as_u64(), Some(answered));
        assert_eq!(report["lost"], serde_json::json!({}));
        let [p50, max] = ["p50_us", "max_us"].map(|name| report["latency"][name].as_f64().unwrap());
        assert!(0.0 < p50 && p50 <= max, "{report:#}");
        assert!(report["generator"]["cpu_ns_per_message"].as_f64().unwrap() > 0.0);
    }
}

#[tokio::test]
async fn no_more_is_asked_than_the_rate_says() {
    let cluster = echoing().await;
    let url = ws(&cluster, 0, "/echo");
    let load = ["--connections", "7", "--rate", "500", "--threads", "2"];
    let report = report(&bench(&[&["echo", &url], &load[..]].concat()).await);

    assert_eq!(report["requested_per_second"], 500.0);
    let accounted = report["answered"].as_u64().unwrap() + report["overdue"].as_u64().unwrap();
    // Those that were in flight when the second ended are in neither.
    assert!((1..=500).contains(&accounted), "{report:#}");
}

#[tokio::test]
async fn routes_between_two_nodes_have_their_outcomes() {
    let cluster = Cluster::start(2).await;
    let urls = [ws(&cluster, 0, "/ws"), ws(&cluster, 1, "/ws")].join(",");
    let report = report(&bench(&["route", &urls, "--senders", "4", "--in-flight", "8"]).await);

    let answered = report["answered"].as_u64().unwrap();
    assert!(answered > 0, "{report:#}");
    assert_eq!(report["outcomes"]["delivered"].as_u64(), Some(answered));
    assert!(report["received"].as_u64().unwrap() > 0, "{report:#}");
}

#[tokio::test]
async fn messages_that_nobody_acknowledges_are_waited_for_where_they_arrive() {
    let cluster = Cluster::start(2).await;
    let urls = [ws(&cluster, 0, "/ws"), ws(&cluster, 1, "/ws")].join(",");
    let load = ["--senders", "4", "--in-flight", "8", "--fire-and-forget"];
    for more in [&["--bytes", "8"][..], &["--rate", "400", "--threads", "2"]] {
        let ended = bench(&[&["route", &urls], &load[..], more].concat()).await;
        let report = report(&ended);

        let answered = report["answered"].as_u64().unwrap();
        assert!(answered > 0, "{report:#}");
        assert_eq!(report["received"].as_u64(), Some(answered));
        let outcomes = report["outcomes"].as_object().unwrap();
        assert_eq!(outcomes.keys().collect::<Vec<_>>(), ["delivered"]);
    }
    let short = bench(&[&["route", &urls], &load[..], &["--bytes", "7"]].concat()).await;
    assert_eq!(short.code, Some(2), "{}", short.stderr);
    assert!(
        short.stderr.contains("7 bytes are less than 8"),
        "{}",
        short.stderr
    );
}

#[tokio::test]
async fn a_message_for_many_comes_to_each_of_them_on_every_node() {
    let settings = Settings::default().with_flag("client-allow-join", "true");
    let cluster = Cluster::start_with(3, &settings).await;
    let urls = [0, 1, 2].map(|node| ws(&cluster, node, "/ws")).join(",");
    let load = ["--receivers", "20", "--threads", "2"];
    for more in [
        &["--burst", "8", "--in-flight", "2"][..],
        &["--rate", "50", "--bytes", "16"],
    ] {
        let ended = bench(&[&["fanout", &urls], &load[..], more].concat()).await;
        let report = report(&ended);

        assert_eq!(report["receivers"], 20);
        let [sent, deliveries] = ["sent", "deliveries"].map(|name| report[name].as_u64().unwrap());
        assert!(0 < sent && 0 < deliveries, "{report:#}");
        let outcomes = report["outcomes"].as_object().unwrap();
        assert_eq!(outcomes.keys().collect::<Vec<_>>(), ["delivered"]);
        assert_eq!(report["lost"], serde_json::json!({}));
        let p50 = |name: &str| report[name]["p50_us"].as_f64().unwrap();
        assert!(0.0 < p50("latency") && p50("latency") <= p50("completion"));
    }
}

#[tokio::test]
async fn a_bare_relay_has_no_other_addresses() {
    let ended = bench(&["route", "tcp://127.0.0.1:1,ws://127.0.0.1:1/ws"]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("all of them, or none"),
        "{}",
        ended.stderr
    );
    let short = [
        "route",
        "ws://127.0.0.1:1/",
        "--protocol",
        "socket.io",
        "--bytes",
        "15",
    ];
    let ended = bench(&short).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("less than 16"), "{}", ended.stderr);
}

#[tokio::test]
async fn idle_connections_have_their_price() {
    let settings = Settings::default()
        .with_flag("client-echo", "true")
        .with_flag("client-ping-interval", "1s");
    let cluster = Cluster::start_with(1, &settings).await;
    let pid = cluster.node(0).process().unwrap().to_string();
    let load = ["--connections", "200", "--hold", "4", "--threads", "2"];
    for url in [ws(&cluster, 0, "/ws"), ws(&cluster, 0, "/echo")] {
        let mut arguments = [&["bench", "idle", &url, "--json", "--pid", &pid], &load[..]].concat();
        let is_echo = url.ends_with("/echo");
        if is_echo {
            arguments.push("--echo");
        }
        let report = report(&run(&arguments, &[]).await);

        assert_eq!(report["connections"], 200);
        if !is_echo {
            // Pings were answered: a client that is silent for two intervals is closed.
            assert_eq!(report["lost"], serde_json::json!({}));
        }
        let server = &report["servers"][0];
        assert!(server["memory_bytes_after"].as_u64().unwrap() > 0);
        let cpu = server["cpu_us_per_second_per_connection"].as_f64().unwrap();
        assert!(cpu > 0.0, "{report:#}");
    }
}

#[tokio::test]
async fn more_connections_than_one_process_may_have_are_opened_by_several() {
    let cluster = Cluster::start(2).await;
    let urls = [ws(&cluster, 0, "/ws"), ws(&cluster, 1, "/ws")].join(",");
    let pids = [0, 1].map(|node| cluster.node(node).process().unwrap().to_string());
    // 50 are left for connections.
    let mut command = raftwire_with_open_files(150);
    command.args([
        "bench",
        "idle",
        &urls,
        "--connections",
        "120",
        "--hold",
        "1",
    ]);
    command.args(["--json", "--pid", &pids[0], "--pid", &pids[1]]);
    let report = report(&end_of(command).await);

    assert_eq!(report["connections"], 120);
    assert_eq!(report["generator_processes"], 3);
    assert_eq!(report["lost"], serde_json::json!({}));
    assert_eq!(report["servers"].as_array().unwrap().len(), 2);
    let [p50, max] = ["p50_us", "max_us"].map(|name| report["opening"][name].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= max, "{report:#}");

    let mut command = raftwire_with_open_files(150);
    let nowhere = ws(&cluster, 0, "/nowhere");
    command.args(["bench", "storm", &nowhere, "--connections", "120"]);
    let ended = end_of(command).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("is the path right?"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn names_are_registered_and_found_from_another_node() {
    let settings = Settings::default().with_flag("client-identity-in-query", "true");
    let cluster = Cluster::start_with(3, &settings).await;
    let urls = [ws(&cluster, 0, "/ws?user=a"), ws(&cluster, 1, "/ws")].join(",");
    let asked = ws(&cluster, 2, "/ws");
    let pid = cluster.node(2).process().unwrap().to_string();
    let load = ["--connections", "60", "--threads", "2", "--json"];
    let lookups = [
        "--lookups-from",
        &asked,
        "--lookup-seconds",
        "1",
        "--pid",
        &pid,
    ];
    let arguments = [&["bench", "names", &urls], &load[..], &lookups].concat();
    let report = report(&run(&arguments, &[]).await);

    assert_eq!(report["registered"], 60);
    assert_eq!(report["failed"], serde_json::json!({}));
    assert_eq!(report["lost"], serde_json::json!({}));
    let found = &report["lookups"];
    let answered = found["answered"].as_u64().unwrap();
    // Each of the names was asked for.
    assert!(answered > 60, "{report:#}");
    assert_eq!(found["outcomes"]["delivered"].as_u64(), Some(answered));
    let server = &report["servers"][0];
    assert!(server["cpu_us_per_name"].as_f64().unwrap() > 0.0);
    assert!(server["memory_bytes_after"].as_u64().unwrap() > 0);

    let doubtful = Cluster::start(1).await;
    let ended = run(&["bench", "names", &ws(&doubtful, 0, "/ws")], &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("client.identity_in_query"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_storm_is_told_with_those_that_were_refused() {
    let settings = Settings::default().with_flag("client-connections-max", "30");
    let cluster = Cluster::start_with(1, &settings).await;
    let url = ws(&cluster, 0, "/ws");
    let arguments = ["bench", "storm", &url, "--connections", "50", "--json"];
    let report = report(&run(&arguments, &[]).await);

    assert_eq!(report["opened"], 30);
    let failed = report["failed"].as_object().unwrap();
    assert_eq!(failed.len(), 1, "{report:#}");
    let (why, count) = failed.iter().next().unwrap();
    assert!(why.contains("too_many_clients"), "{why}");
    assert_eq!(count, 20);
    let [p50, max] = ["p50_us", "max_us"].map(|name| report["opening"][name].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= max, "{report:#}");
}

#[tokio::test]
async fn every_measurement_speaks_tls_with_whom_an_authority_vouches_for() {
    let authority = Authority::new();
    let settings = authority.node("node1").with_flag("client-echo", "true");
    let settings = settings.with_flag("client-allow-join", "true");
    let cluster = Cluster::start_with(1, &settings).await;
    let wss = |path: &str| ws(&cluster, 0, path).replacen("ws", "wss", 1);
    let (node, echo) = (wss("/ws"), wss("/echo"));
    let ca = authority.file().display().to_string();
    let run_for = ["--seconds", "1", "--warm-up", "0"];
    // Paced: a message is acknowledged when it is in the receiver's outbox, so large ones as fast as can be
    // would fill it.
    let route = [
        "route",
        &node,
        "--senders",
        "3",
        "--bytes",
        "20000",
        "--rate",
        "60",
    ];
    for (load, count) in [
        (
            &["echo", &echo, "--connections", "3", "--bytes", "70000"][..],
            "answered",
        ),
        (&route, "answered"),
        (
            &["fanout", &node, "--receivers", "9", "--burst", "8"],
            "deliveries",
        ),
        (
            &["storm", &node, "--connections", "20", "--at-once", "5"],
            "opened",
        ),
        (
            &["idle", &node, "--connections", "20", "--hold", "1"],
            "connections",
        ),
    ] {
        let is_long = matches!(load[0], "echo" | "route" | "fanout");
        let more = if is_long { &run_for[..] } else { &[] };
        let arguments = [&["bench"], load, &["--json", "--ca", &ca], more].concat();
        let report = report(&run(&arguments, &[]).await);
        assert!(report[count].as_u64().unwrap() > 0, "{report:#}");
        assert_eq!(report["lost"], serde_json::json!({}));
    }
    let ended = bench(&["echo", &echo, "--ca", "/nowhere.pem"]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let stranger = Authority::new();
    let ca = stranger.file().display().to_string();
    let ended = bench(&["echo", &echo, "--ca", &ca]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("certificate"), "{}", ended.stderr);
}

#[tokio::test]
async fn what_cannot_be_measured_is_said_with_what_to_do() {
    let cluster = echoing().await;
    for (arguments, code, said) in [
        (["echo", "ws://127.0.0.1:1/echo"], 1, "nobody listens there"),
        (
            ["echo", &ws(&cluster, 0, "/nowhere")],
            1,
            "is the path right?",
        ),
        (["echo", &ws(&cluster, 0, "/ws")], 1, "subprotocol_required"),
        (["echo", "wss://127.0.0.1:1/echo"], 2, "--ca"),
        (
            ["route", &ws(&cluster, 0, "/nowhere")],
            1,
            "is the path right?",
        ),
    ] {
        let ended = bench(&arguments).await;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(said),
            "{arguments:?}: {}",
            ended.stderr
        );
    }

    let silent = Cluster::start_with(
        1,
        &Settings {
            arguments: Vec::new(),
            ..Settings::default()
        },
    )
    .await;
    for command in ["route", "fanout"] {
        let ended = bench(&[command, &ws(&silent, 0, "/ws")]).await;
        assert_eq!(ended.code, Some(1));
        assert!(
            ended.stderr.contains("client.allow_send"),
            "{}",
            ended.stderr
        );
    }
    let ended = bench(&["fanout", &ws(&cluster, 0, "/ws")]).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("client.allow_join"),
        "{}",
        ended.stderr
    );
}
