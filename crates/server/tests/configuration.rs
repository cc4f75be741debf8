//! What a node is told: three sources, each stronger than the one before, and no slip unnoticed.

#![allow(clippy::unwrap_used)] // in the helpers of the tests too

mod support;

use std::path::Path;
use std::time::Duration;

use clap::{Args, Command, FromArgMatches};
use raftwire_environment::Environment;
use raftwire_server::config::{Origin, ServeFlags, ServerOptions, Sources, keys, load};
use support::run;

/// Loads a file of this text with these variables and flags; the error as it is shown.
fn try_load(
    file: &str,
    variables: &[(&str, &str)],
    flags: &[&str],
) -> Result<ServerOptions, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raftwire.toml");
    let environment = Environment::real();
    let mut config = environment.disk().open_append(&path).unwrap();
    config.append(file.as_bytes()).unwrap();
    let command = ServeFlags::augment_args(Command::new("serve").no_binary_name(true));
    let matches = command
        .try_get_matches_from(flags)
        .map_err(|error| error.to_string())?;
    let owned = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let sources = Sources {
        file: Some(path.clone()),
        variables: owned.collect(),
        flags: ServeFlags::from_arg_matches(&matches).unwrap(),
    };
    load(&sources, environment.disk().as_ref()).map_err(|error| {
        error
            .to_string()
            .replace(&path.display().to_string(), "raftwire.toml")
    })
}

#[test]
fn each_source_is_stronger_than_the_one_before() {
    let file = "node_port = 6001\ncluster_name = \"file\"\nroute_deadline = \"1s\"\n";
    let variables = [
        ("RAFTWIRE_CLUSTER_NAME", "variable"),
        ("RAFTWIRE_ROUTE_DEADLINE", "2s"),
    ];

    let options = try_load(file, &variables, &["--route-deadline=3s"]).unwrap();

    assert_eq!(options.cluster.node_port, 6001);
    assert_eq!(options.cluster.cluster_name, "variable");
    assert_eq!(options.cluster.route_deadline, Duration::from_secs(3));
    assert_eq!(options.cluster.node_address, "127.0.0.1");
}

#[test]
fn every_key_can_be_set_in_the_file_and_by_its_variable() {
    for key in keys() {
        let value = match key.name {
            "secret" | "secret_previous" | "http.token" | "client.authentication_token" => {
                "0123456789abcdef"
            }
            "client.authentication_url" => "http://127.0.0.1:8000/who",
            "node_id" => "node1",
            "listen_address" => "127.0.0.1",
            "nodes" => "ws://127.0.0.1:5001/node2",
            "tls.certificate"
            | "tls.key"
            | "tls.node_certificate"
            | "tls.node_key"
            | "tls.node_authorities" => "/tmp/file.pem",
            "client.origins" => "https://app.example.org",
            "data_dir" => "/tmp/data",
            "redis_connection_string" => "redis://127.0.0.1:6379",
            "rabbitmq_connection_string" => "amqp://127.0.0.1:5672",
            "redis_tls_authorities" | "rabbitmq_tls_authorities" => "/tmp/file.pem",
            "control" | "data" => "ws",
            _ => key.default.expect(key.name),
        };
        let needed = ("RAFTWIRE_SECRET", "what only nodes know");
        let variables = [needed, (&key.variable(), value)];
        try_load("", &variables, &[]).expect(key.name);
        let flag = format!("--{}={value}", key.flag());
        assert_eq!(
            try_load("", &[], &[&flag]).is_err(),
            key.confidential,
            "{}",
            key.name
        );
    }
}

#[test]
fn a_file_may_set_everything() {
    let options = try_load(
        r#"
            node_id = "node1"
            nodes = ["ws://127.0.0.1:5001/node2", "node3@127.0.0.1:5002"]
            secret = "what only nodes know"
            secret_previous = "what only nodes knew"
            encrypt = true
            ephemeral = true
            message_bytes_max = "2 MiB"
            [http]
            token = "0123456789abcdef"
            [client]
            allow_send = true
            ping_interval = "5s"
        "#,
        &[],
        &[],
    )
    .unwrap();

    assert_eq!(options.cluster.nodes.len(), 2);
    assert_eq!(options.cluster.message_bytes_max, 2 << 20);
    assert!(options.cluster.ephemeral && options.client.allow_send);
    assert!(options.cluster.secret.is_some() && options.http.token.is_some());
    assert!(options.cluster.secret_previous.is_some() && options.cluster.encrypt);
    assert_eq!(options.client.ping_interval, Duration::from_secs(5));
}

#[test]
fn unknown_keys_are_refused_by_name_with_the_nearest_known_one() {
    for (file, variables, message) in [
        (
            "\nnode_prot = 1\n",
            &[][..],
            "raftwire.toml:2: unknown key \"node_prot\"; did you mean \"node_port\"?",
        ),
        (
            "[client]\n# to be or not\nalow_send = true\n",
            &[],
            "raftwire.toml:3: unknown key \"client.alow_send\"; did you mean \"client.allow_send\"?",
        ),
        (
            "[cleint]\n",
            &[],
            "raftwire.toml:1: unknown table \"cleint\"; did you mean \"client\"?",
        ),
        (
            "",
            &[("RAFTWIRE_NODE_PROT", "1")],
            "environment: unknown variable \"RAFTWIRE_NODE_PROT\"; did you mean \
             \"RAFTWIRE_NODE_PORT\"?",
        ),
        (
            "zzz = 1\n",
            &[],
            "raftwire.toml:1: unknown key \"zzz\"; `raftwire serve --help` lists what can be set",
        ),
    ] {
        assert_eq!(try_load(file, variables, &[]).unwrap_err(), message);
    }
    let flag = try_load("", &[], &["--node-prot=1"]).unwrap_err();
    assert!(
        flag.contains("'--node-prot'") && flag.contains("'--node-port'"),
        "{flag}"
    );
}

#[test]
fn wrong_values_are_refused_with_the_place_and_what_is_allowed() {
    for (file, variables, flags, message) in [
        (
            "\n\nnode_port = 70000\n",
            &[][..],
            &[][..],
            "raftwire.toml:3: node_port = 70000: must be a port, 1 to 65535",
        ),
        (
            "node_port = \"5000\"\n",
            &[],
            &[],
            "raftwire.toml:1: node_port = \"5000\": must be a port, 1 to 65535",
        ),
        (
            "",
            &[("RAFTWIRE_CLIENT_PING_INTERVAL", "5")],
            &[],
            "environment variable RAFTWIRE_CLIENT_PING_INTERVAL: client.ping_interval = \"5\": \
             must be a duration from 1s to 10m",
        ),
        (
            "",
            &[],
            &["--outbox-bytes-max=1 MB"],
            "flag --outbox-bytes-max: outbox_bytes_max = \"1 MB\": must be a size from 1 B to 1 GiB",
        ),
        (
            "nodes = [\"ws://127.0.0.1:1/a\", \"ws://127.0.0.1:2/a\"]\n",
            &[],
            &[],
            "raftwire.toml:1: nodes: a is listed as ws://127.0.0.1:1/a and as ws://127.0.0.1:2/a; \
             keep one",
        ),
        (
            "[http]\ntoken = \"short\"\n",
            &[],
            &[],
            "raftwire.toml:2: http.token = …: must be at least 16 printable characters without \
             blanks",
        ),
    ] {
        assert_eq!(try_load(file, variables, flags).unwrap_err(), message);
    }
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    let error = try_load("node_port = 1\nnode_id =\n", &[], &[]).unwrap_err();
    assert!(
        error.starts_with("raftwire.toml:2: not valid TOML: "),
        "{error}"
    );
}

#[test]
fn secrets_are_not_taken_from_the_command_line() {
    let error = try_load("", &[], &["--secret=x"]).unwrap_err();
    assert!(error.contains("RAFTWIRE_SECRET"), "{error}");
}

#[test]
fn a_secret_appears_in_no_error_and_no_debug_output() {
    let secret = "hush-hush-hush-hush";
    let variables = [("RAFTWIRE_SECRET", secret), ("RAFTWIRE_HTTP_TOKEN", "sssh")];
    let error = try_load("", &variables, &[]).unwrap_err();
    assert!(!error.contains("sssh"), "{error}");

    let variables = [
        ("RAFTWIRE_SECRET", secret),
        ("RAFTWIRE_SECRET_PREVIOUS", secret),
    ];
    let options = try_load("", &variables, &[]).unwrap();
    assert!(!format!("{options:?}").contains("hush"));
}

#[test]
fn what_needs_a_secret_is_refused_without_one_and_says_where_it_was_set() {
    let error = try_load("\nencrypt = true\n", &[], &[]).unwrap_err();
    assert!(
        error.starts_with("raftwire.toml:2: encrypt is set, and no secret"),
        "{error}"
    );
    let variables = [("RAFTWIRE_SECRET_PREVIOUS", "hush-hush-hush-hush")];
    let error = try_load("", &variables, &[]).unwrap_err();
    assert!(
        error.contains("secret_previous is set, and no secret"),
        "{error}"
    );
    assert!(
        error.contains("RAFTWIRE_SECRET_PREVIOUS") && !error.contains("hush"),
        "{error}"
    );
}

#[tokio::test]
async fn a_node_without_a_secret_does_not_start_within_reach_of_others() {
    for flags in [
        &["--listen-address=0.0.0.0"][..],
        &["--node-address=10.0.0.1", "--listen-address=127.0.0.1"],
        &["--nodes=ws://10.0.0.2:5000/node2"],
    ] {
        let ended = run(&[&["serve", "--ephemeral"], flags].concat(), &[]).await;
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.starts_with("raftwire: no secret is set, and "),
            "{}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn a_wrong_configuration_ends_with_2_and_one_line() {
    let ended = run(&["serve"], &[("RAFTWIRE_NODE_PORT", "0")]).await;
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_before_anything_is_written() {
    let port = support::free_ports(1).await[0];
    let _taken = Environment::real().bind("127.0.0.1", port).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");

    let port = port.to_string();
    let ended = run(
        &[
            "serve",
            "--node-port",
            &port,
            "--data-dir",
            &data.display().to_string(),
        ],
        &[],
    )
    .await;

    assert_eq!(ended.code, Some(1));
    let said = format!("raftwire: cannot listen on 127.0.0.1:{port}: Address already in use");
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("another node_port"),
        "{}",
        ended.stderr
    );
    assert!(!data.exists());
}

#[tokio::test]
async fn a_name_that_cannot_be_kept_names_the_key_that_is_to_blame() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let write = |path: &Path, text: &str| {
        let environment = Environment::real();
        let mut file = environment.disk().open_append(path).unwrap();
        file.append(text.as_bytes()).unwrap();
    };
    write(&file, "");
    let below_a_file = said_at_start(&file.join("data"), &[]).await;
    assert!(below_a_file.contains("Set data_dir"), "{below_a_file}");
    assert!(!below_a_file.contains("node_id"), "{below_a_file}");

    write(&folder.path().join("node-id"), "two words");
    let no_name = said_at_start(folder.path(), &[]).await;
    assert!(no_name.contains("set node_id"), "{no_name}");
    assert!(!no_name.contains("data_dir"), "{no_name}");
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_made_is_named_with_its_key_whether_the_node_has_a_name_or_not()
 {
    for flags in [&[][..], &["--node-id=node1"]] {
        let said = said_at_start(Path::new("/proc/raftwire"), flags).await;

        for words in ["data_dir", "/proc/raftwire", "this node may make"] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}

/// What `raftwire serve` says before it ends, for want of a data folder.
async fn said_at_start(data: &Path, flags: &[&str]) -> String {
    let port = support::free_ports(1).await[0].to_string();
    let data = data.display().to_string();
    let serve = ["serve", "--node-port", &port, "--data-dir", &data];
    let ended = run(&[&serve[..], flags].concat(), &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    ended.stderr
}

#[test]
fn the_default_file_sets_every_key_to_its_default() {
    let text = raftwire_server::config::template();
    let options = try_load(&text, &[], &[]).unwrap();
    assert_eq!(
        format!("{options:?}"),
        format!("{:?}", ServerOptions::default())
    );

    // What has no default stands there as a comment, and is right once it is one no longer.
    let is_example = |line: &str| {
        let name = line
            .strip_prefix("# ")
            .and_then(|rest| rest.split_once(" = "));
        name.is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let uncommented: String = text
        .lines()
        .map(|line| if is_example(line) { &line[2..] } else { line })
        .flat_map(|line| [line, "\n"])
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raftwire.toml");
    let environment = Environment::real();
    let mut config = environment.disk().open_append(&path).unwrap();
    config.append(uncommented.as_bytes()).unwrap();
    let sources = Sources {
        file: Some(path),
        ..Sources::default()
    };
    let report = raftwire_server::config::report(&sources, environment.disk().as_ref());
    // The files of the example are nobody's, and its folder may be root's.
    let missing = [
        "data_dir = \"/var/lib/raftwire\" cannot be a folder of this node's: it cannot be made in",
        "TLS: cannot read node1.pem",
        "redis_tls_authorities: cannot read /etc/raftwire/redis-ca.pem",
    ];
    let errors = report.errors.iter();
    let errors: Vec<_> = errors
        .filter(|error| !missing.iter().any(|missing| error.starts_with(missing)))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    for key in keys() {
        let mut set = report.values.iter();
        let is_this = |(line, origin): &&(String, Origin)| {
            line.starts_with(&format!("{} = ", key.name)) && matches!(origin, Origin::File { .. })
        };
        assert!(
            set.any(|value| is_this(&value)),
            "{} is not in the file",
            key.name
        );
    }
}

/// Runs `raftwire config …` with a file of this text, whose name is left out of what it says.
async fn config(command: &str, file: &str, variables: &[(&str, &str)]) -> support::Ended {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raftwire.toml");
    let mut config = Environment::real().disk().open_append(&path).unwrap();
    config.append(file.as_bytes()).unwrap();
    let path = path.display().to_string();
    let mut ended = run(
        &["config", command, "--config", &path, "--node-port=6002"],
        variables,
    )
    .await;
    ended.stdout = ended.stdout.replace(&path, "raftwire.toml");
    ended.stderr = ended.stderr.replace(&path, "raftwire.toml");
    ended
}

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

#[tokio::test]
async fn config_default_prints_the_default_file() {
    let ended = run(&["config", "default"], &[]).await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(
        ended.stdout.trim_end(),
        raftwire_server::config::template().trim_end()
    );
}

#[test]
fn redis_is_configured_by_its_connection_string_and_no_error_shows_a_secret() {
    let file = "transport_type = \"redis\"\n";
    let missing = try_load(file, &[], &[]).unwrap_err();
    assert!(missing.contains("redis_connection_string"), "{missing}");
    assert!(
        missing.contains("RAFTWIRE_REDIS_CONNECTION_STRING"),
        "{missing}"
    );

    let variable = "RAFTWIRE_REDIS_CONNECTION_STRING";
    let mistyped = [(variable, "cache:6379,pasword=hunter2")];
    let error = try_load(file, &mistyped, &[]).unwrap_err();
    assert!(
        error.contains("\"pasword\"") && error.contains("\"password\""),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");

    let given = [(variable, "cache:6379,password=hunter2")];
    let options = try_load(file, &given, &[]).unwrap();
    assert_eq!(options.cluster.timings, raftwire::Timings::broker());
    let string = options.redis_connection_string.as_ref().unwrap();
    assert_eq!(string.to_string(), "redis://cache:6379");
    assert!(!format!("{options:?}").contains("hunter2"));
    let refused = options
        .require_secret_or_loopback()
        .unwrap_err()
        .to_string();
    assert!(refused.contains("transport_type = \"redis\""), "{refused}");

    let flag = try_load(file, &[], &["--redis-connection-string=cache"]).unwrap_err();
    assert!(flag.contains(variable), "{flag}");
}

#[test]
fn each_lane_may_have_its_transport_and_timings_are_the_control_lanes() {
    let redis = [("RAFTWIRE_REDIS_CONNECTION_STRING", "cache:6379")];
    let file = "transport_type = \"redis\"\ncontrol = \"ws\"\n\
                nodes = [\"ws://10.0.0.2:5000/node2\"]\n";

    let options = try_load(file, &redis, &[]).unwrap();
    assert!(options.is_split());
    assert_eq!(options.cluster.timings, raftwire::Timings::direct());
    let refused = options
        .require_secret_or_loopback()
        .unwrap_err()
        .to_string();
    assert!(refused.contains("transport_type = \"redis\""), "{refused}");

    let options = try_load(file, &redis, &["--control=redis"]).unwrap();
    assert!(!options.is_split());
    assert_eq!(options.cluster.timings, raftwire::Timings::broker());
}

#[test]
fn lanes_that_contradict_something_are_refused_with_what_to_do() {
    let redis = [("RAFTWIRE_REDIS_CONNECTION_STRING", "cache:6379")];
    for (file, variables, flags, message) in [
        (
            "\ndata = \"redis\"\n",
            &[][..],
            &[][..],
            "raftwire.toml:2: data = \"redis\" needs redis_connection_string: set \
             RAFTWIRE_REDIS_CONNECTION_STRING, or redis_connection_string in the configuration file",
        ),
        (
            "transport_type = \"redis\"\n",
            &redis,
            &["--control=ws", "--data=ws"],
            "raftwire.toml:1: transport_type = \"redis\" carries nothing, because control = \"ws\" \
             and data = \"ws\" are set: remove transport_type, or the one of the two that it is to \
             stand for",
        ),
        (
            "node_id = \"node1\"\nnodes = [\"node1\", \"node2\"]\ncontrol = \"ws\"\ndata = \"redis\"\n",
            &redis,
            &[],
            "raftwire.toml:3: control = \"ws\", and none of the other nodes in `nodes` has an \
             address: the broker finds nodes by their names for the other lane, but for this one \
             write at least one of them as ws://host:port/nodeId",
        ),
        (
            "data = \"carrier pigeon\"\n",
            &[],
            &[],
            "raftwire.toml:1: data = \"carrier pigeon\": must be \"ws\", \"redis\" or \"rabbitmq\"",
        ),
    ] {
        assert_eq!(try_load(file, variables, flags).unwrap_err(), message);
    }
}

#[tokio::test]
async fn config_check_says_what_carries_which_lane_and_how_long_things_take() {
    let file = "secret = \"what only nodes know\"\ndata = \"redis\"\n\
                redis_connection_string = \"cache\"\n";

    let ended = config("check", file, &[]).await;

    for words in [
        "ws carries the control lane, redis the data lane",
        "as suits ws: heartbeat 100ms, election 300ms to 500ms, lease 5s",
    ] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
}

#[test]
fn rabbitmq_is_configured_by_its_connection_string_and_no_error_shows_a_secret() {
    let file = "transport_type = \"rabbitmq\"\n";
    let missing = try_load(file, &[], &[]).unwrap_err();
    assert!(missing.contains("rabbitmq_connection_string"), "{missing}");
    let variable = "RAFTWIRE_RABBITMQ_CONNECTION_STRING";
    assert!(missing.contains(variable), "{missing}");

    let mistyped = [(variable, "amqp://app:hunter2@mq?hartbeat=5")];
    let error = try_load(file, &mistyped, &[]).unwrap_err();
    assert!(
        error.contains("\"hartbeat\"") && error.contains("\"heartbeat\""),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");

    let given = [(variable, "amqp://app:hunter2@mq/shop")];
    let options = try_load(file, &given, &[]).unwrap();
    assert_eq!(options.cluster.timings, raftwire::Timings::broker());
    let string = options.rabbitmq_connection_string.as_ref().unwrap();
    assert_eq!(string.to_string(), "amqp://mq:5672/shop");
    assert!(!format!("{options:?}").contains("hunter2"));
    let refused = options
        .require_secret_or_loopback()
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("transport_type = \"rabbitmq\""),
        "{refused}"
    );

    let flag = try_load(file, &[], &["--rabbitmq-connection-string=mq"]).unwrap_err();
    assert!(flag.contains(variable), "{flag}");
}
