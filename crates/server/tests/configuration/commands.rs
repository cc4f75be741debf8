//! `raftwire config show` and `check`.

use crate::config;

#[tokio::test]
async fn config_show_says_each_value_and_its_source_and_no_secret() {
    let file = "secret = \"what only nodes know\"\nnode_port = 6001\nroute_deadline = \"2s\"\n";
    let variables = [("RAFTWIRE_HTTP_TOKEN", "0123456789abcdef")];
    let ended = config("show", file, &variables).await;

    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let lines: Vec<Vec<_>> = ended
        .stdout
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .collect()
        })
        .collect();
    for expected in [
        ["secret = \"…\"", "# raftwire.toml:1"],
        ["node_port = 6002", "# flag --node-port"],
        ["route_deadline = \"2s\"", "# raftwire.toml:3"],
        [
            "http.token = \"…\"",
            "# environment variable RAFTWIRE_HTTP_TOKEN",
        ],
        ["message_bytes_max = \"1 MiB\"", "# default"],
    ] {
        assert!(
            lines.iter().any(|line| *line == expected),
            "{expected:?}: {lines:#?}"
        );
    }
    assert!(!ended.stdout.contains("what only nodes know"));
    assert!(!ended.stdout.contains("0123456789abcdef"));
}

#[tokio::test]
async fn config_check_says_what_would_run() {
    let ended = config("check", "node_id = \"node7\"\n", &[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    for words in [
        "node7 of the cluster raftwire",
        "127.0.0.1:6002",
        "open to programs",
    ] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
}

#[tokio::test]
async fn config_check_says_everything_that_is_wrong_at_once() {
    let file = "node_prot = 1\nroute_deadline = \"5\"\n[client]\nalow_send = true\n";
    let ended = config("check", file, &[("RAFTWIRE_SECRE", "x")]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    for error in [
        "raftwire.toml:1: unknown key \"node_prot\"; did you mean \"node_port\"?",
        "raftwire.toml:2: route_deadline = \"5\": must be a duration from 1ms to 10m",
        "raftwire.toml:4: unknown key \"client.alow_send\"; did you mean \"client.allow_send\"?",
        "unknown variable \"RAFTWIRE_SECRE\"; did you mean \"RAFTWIRE_SECRET\"?",
    ] {
        assert!(ended.stderr.contains(error), "{error}: {}", ended.stderr);
    }

    let ended = config("check", "listen_address = \"0.0.0.0\"\n", &[]).await;
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("no secret is set"),
        "{}",
        ended.stderr
    );
}
