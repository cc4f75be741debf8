//! A file, variables and flags: everything can be set, and each source is stronger than the one before.

use std::time::Duration;

use raftwire_server::config::keys;

use crate::try_load;

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
