use raftwire_transport::broker::InvalidOption;

use super::*;

fn parse(text: &str) -> RabbitMQConnectionString {
    match text.parse() {
        Ok(string) => string,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn refused(text: &str) -> String {
    match text.parse::<RabbitMQConnectionString>() {
        Ok(string) => panic!("{text}: {string:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn plain_servers_have_the_usual_port_host_and_user() {
    let string = parse("mq1, mq2:5673,[::1]:5674");

    assert_eq!(string.to_string(), "amqp://mq1:5672,mq2:5673,[::1]:5674");
    assert!(!string.tls());
    assert!(string.waits_for_broker());
    assert_eq!(string.vhost(), "/");
    assert_eq!((string.user(), string.password()), ("guest", "guest"));
    assert_eq!(string.heartbeat(), Duration::from_secs(10));
}

#[test]
fn url_gives_server_login_host_and_tls() {
    let string = parse("amqps://app:p%40ss%3A%2F%25@mq.example.org/shop%2Feu");

    assert_eq!(string.to_string(), "amqps://mq.example.org:5671/shop%2Feu");
    assert!(string.tls());
    assert_eq!((string.user(), string.password()), ("app", "p@ss:/%"));
    assert_eq!(string.vhost(), "shop/eu");
}

#[test]
fn slash_at_the_end_is_the_usual_virtual_host() {
    // As applications in C# write it.
    for text in [
        "amqp://guest:guest@localhost:5672/",
        "amqp://localhost/%2f",
        "amqp://localhost",
    ] {
        assert_eq!(parse(text).vhost(), "/", "{text}");
    }
}

#[test]
fn options_are_read() {
    let string = parse(
        "amqps://h?heartbeat=5&connection_timeout=1500&server_name_indication=mq&\
         wait_for_broker=false&verify=verify_peer&auth_mechanism=PLAIN&channel_max=7",
    );

    assert_eq!(string.heartbeat(), Duration::from_secs(5));
    assert_eq!(string.connect_timeout(), Duration::from_millis(1500));
    assert_eq!(string.tls_host(), Some("mq"));
    assert!(!string.waits_for_broker());
}

#[test]
fn unknown_option_is_named_with_the_nearest_one() {
    for (text, name, nearest) in [
        ("amqp://h?hartbeat=1", "hartbeat", "heartbeat"),
        (
            "amqp://h?connectionTimeout=1",
            "connectionTimeout",
            "connection_timeout",
        ),
    ] {
        let error: Result<RabbitMQConnectionString, _> = text.parse();
        assert_eq!(
            error,
            Err(InvalidRabbitMQConnectionString::Option(
                InvalidOption::Unknown {
                    name: name.to_owned(),
                    nearest
                }
            ))
        );
    }
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let long = format!("amqp://h/{}", "v".repeat(256));
    for (text, word) in [
        ("", "no server"),
        ("amqp://", "no server"),
        ("amqp://u:p@/v", "no server"),
        ("redis://h", "redis"),
        ("h:0", "server 1"),
        ("a,h:x", "server 2"),
        ("h h", "server 1"),
        ("amqp://:%4@h", "password"),
        ("amqp://h/%zz", "virtual host"),
        (&long, "virtual host"),
        ("amqp://h?heartbeat=0", "heartbeat"),
        ("amqp://h?heartbeat=10s", "heartbeat"),
        ("amqp://h?connection_timeout=0", "connection_timeout"),
        ("amqp://h?wait_for_broker=maybe", "wait_for_broker"),
        ("amqp://h?verify=verify_none", "verify"),
        ("amqp://h?cacertfile=/x", "rabbitmq_tls_authorities"),
        ("amqp://h?certfile=/x", "certfile"),
        ("amqp://h?auth_mechanism=external", "auth_mechanism"),
        ("amqp://h?password=x", "amqp://user:password@host"),
    ] {
        let error = refused(text);
        assert!(error.contains(word), "{text:?}: {error}");
    }
}

#[test]
fn secrets_are_shown_nowhere() {
    const SECRET: &str = "hunter2";
    let string = parse("amqp://bob-hunter2:hunter2@h/v");
    assert!(!format!("{string:?} {string}").contains(SECRET));
    for text in [
        "amqp://:hunter2%zz@h",
        "amqp://u:pa/hunter2@h",
        "amqp://u:hunter2/pass@h",
        "amqp://u:1/hunter2@h",
        "amqp://u:a,hunter2:x@h",
        "h hunter2",
        "u:hunter2:h",
        "u:hunter2://h",
        "amqp://h?heartbeat=hunter2",
        "amqp://h?password=hunter2",
    ] {
        if let Err(error) = text.parse::<RabbitMQConnectionString>() {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(SECRET), "{text}: {shown}");
        }
    }
}
