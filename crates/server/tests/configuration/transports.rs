//! What carries the lanes, and what is needed for it.

use crate::{config, try_load};

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
