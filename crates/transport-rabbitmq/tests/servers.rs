//! The brokers that a site may have: with users, with virtual hosts, with TLS.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // helpers of tests, which write files

mod common;

use std::path::Path;

use common::{RabbitMQServer, free_ports, make, make_with, shared_server, unique};
use raftwire_protocol::Lane;
use raftwire_transport::conformance::broker::{BrokerNode, PATIENCE, deliver, setup};
use raftwire_transport::{ClusterTransport, StartError};
use raftwire_transport_rabbitmq::RabbitMQOptions;

async fn deliver_over(url: &str) -> (BrokerNode, BrokerNode) {
    let cluster = unique("servers");
    let mut a = BrokerNode::start(make(url, &cluster, "a", &["b"])).await;
    let mut b = BrokerNode::start(make(url, &cluster, "b", &["a"])).await;
    deliver(&mut a, &mut b, Lane::Control, "control").await;
    deliver(&mut b, &mut a, Lane::Data, "data").await;
    (a, b)
}

/// What a node says that does not start.
async fn refusal(url: &str) -> (String, String) {
    let url = format!("{url}?wait_for_broker=false");
    let transport = make(&url, "test", "a", &[]);
    let started = tokio::time::timeout(PATIENCE, transport.start())
        .await
        .expect("in time");
    match started {
        Err(StartError::Service { service, reason }) => (service, reason),
        other => panic!("{url}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_with_the_least_rights_is_enough_and_others_are_refused_with_the_reason() {
    let server = shared_server();
    let port = server.port;
    server.ctl(&["add_vhost", "shop"]);
    server.ctl(&["add_user", "app", "p@ss"]);
    let own = "^raftwire\\.";
    server.ctl(&["set_permissions", "-p", "shop", "app", own, own, own]);
    server.ctl(&["add_user", "nobody", "hunter2"]);
    server.ctl(&["set_permissions", "-p", "shop", "nobody", "", "", ""]);

    deliver_over(&format!("amqp://app:p%40ss@127.0.0.1:{port}/shop")).await;

    for (login, vhost, word) in [
        ("app:hunter2", "shop", "User or password"),
        ("nobody:hunter2", "shop", "configure, write and read"),
        ("app:p%40ss", "nowhere", "add_vhost"),
    ] {
        let url = format!("amqp://{login}@127.0.0.1:{port}/{vhost}");
        let (service, reason) = refusal(&url).await;
        assert_eq!(service, format!("amqp://127.0.0.1:{port}/{vhost}"));
        assert!(reason.contains(word), "{reason}");
        assert!(!reason.contains("hunter2"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exchange_of_another_kind_is_named() {
    let server = shared_server();
    let exchange = "raftwire.test";
    let declare = format!(
        "rabbit_exchange:declare(rabbit_misc:r(<<\"/\">>, exchange, <<\"{exchange}\">>), fanout, \
         true, false, false, [], <<\"guest\">>)."
    );
    server.ctl(&["eval", &declare]);

    let (_, reason) = refusal(&server.url()).await;

    assert!(reason.contains("choose another cluster name"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_broker_is_named_and_of_several_servers_the_one_that_answers_is_used() {
    let server = shared_server();
    let [nobody] = free_ports();
    let (_, reason) = refusal(&format!("amqp://127.0.0.1:{nobody}")).await;
    assert!(reason.contains("cannot connect"), "{reason}");

    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other_port = other.local_addr().unwrap().port();
    let answer = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = other.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let (_, reason) = refusal(&format!("amqp://127.0.0.1:{other_port}")).await;
    assert!(reason.contains("does not speak AMQP"), "{reason}");

    let all = format!(
        "127.0.0.1:{nobody},127.0.0.1:{other_port},127.0.0.1:{}",
        server.port
    );
    deliver_over(&all).await;
    answer.abort();
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_spoken_with_a_broker_that_its_authority_vouches_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    write(file("server.pem").as_ref(), &made.cert.pem());
    write(
        file("server.key").as_ref(),
        &made.signing_key.serialize_pem(),
    );
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    write(file("other.pem").as_ref(), &other.cert.pem());
    let server = RabbitMQServer::start_with(|port, _| {
        format!(
            "listeners.tcp = none\nlisteners.ssl.1 = 127.0.0.1:{port}\n\
             ssl_options.cacertfile = {0}\nssl_options.certfile = {0}\n\
             ssl_options.keyfile = {1}\nssl_options.verify = verify_none\n",
            file("server.pem"),
            file("server.key"),
        )
    });
    let over_tls = |id: &str, peer: &str, authorities: &str, options: &str| {
        let url = format!("amqps://127.0.0.1:{}{options}", server.port);
        let options = RabbitMQOptions {
            tls_authorities: Some(file(authorities).into()),
            ..RabbitMQOptions::new(url.parse().unwrap())
        };
        make_with(options, setup("test", id, &[peer]))
    };

    let mut a = BrokerNode::start(over_tls("a", "b", "server.pem", "")).await;
    let mut b = BrokerNode::start(over_tls("b", "a", "server.pem", "")).await;
    deliver(&mut a, &mut b, Lane::Data, "over TLS").await;

    for (authorities, options) in [
        ("other.pem", "?wait_for_broker=false"),
        (
            "server.pem",
            "?wait_for_broker=false&server_name_indication=example.org",
        ),
    ] {
        let refused = over_tls("c", "a", authorities, options).start().await;
        let Err(StartError::Service { reason, .. }) = refused else {
            panic!("{authorities} {options}: {refused:?}");
        };
        assert!(reason.contains("no TLS with"), "{reason}");
    }
}
