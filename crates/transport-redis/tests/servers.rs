//! The servers that a site may have: with a password, with users, with TLS, watched by Sentinels,
//! in a Redis Cluster.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // helpers of tests, which write files

mod common;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use common::{RedisServer, free_port, make, make_with};
use raftwire_protocol::Lane;
use raftwire_transport::conformance::broker::{BrokerNode, PATIENCE, deliver, setup};
use raftwire_transport::{ClusterTransport, StartError};
use raftwire_transport_redis::RedisOptions;

async fn deliver_over(url: &str) -> (BrokerNode, BrokerNode) {
    let mut a = BrokerNode::start(make(url, "test", "a", &["b"])).await;
    let mut b = BrokerNode::start(make(url, "test", "b", &["a"])).await;
    deliver(&mut a, &mut b, Lane::Control, "control").await;
    deliver(&mut b, &mut a, Lane::Data, "data").await;
    (a, b)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_with_a_password_lets_in_who_has_it() {
    let server = RedisServer::start_with(&["--requirepass", "p@ss"]);
    let port = server.port;

    deliver_over(&format!("redis://:p%40ss@127.0.0.1:{port}")).await;
    deliver_over(&format!("127.0.0.1:{port},password=p@ss")).await;

    for url in [
        format!("127.0.0.1:{port},abortConnect=true"),
        format!("127.0.0.1:{port},password=wrong-one,abortConnect=true"),
    ] {
        let refused = make(&url, "test", "a", &[]).start().await;
        let Err(StartError::Service { service, reason }) = refused else {
            panic!("{url}: {refused:?}");
        };
        assert_eq!(service, format!("redis://127.0.0.1:{port}"));
        assert!(reason.contains("connection string"), "{reason}");
        assert!(!reason.contains("wrong-one"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_with_the_least_rights_is_enough() {
    let server = RedisServer::start_with(&[
        "--user",
        "raftwire on >secret resetchannels &raftwire:* -@all +hello +client|setname +subscribe \
         +publish",
    ]);
    deliver_over(&format!(
        "redis://raftwire:secret@127.0.0.1:{}",
        server.port
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_a_redis_master_is_named() {
    let master = RedisServer::start();
    let replica_of = format!("127.0.0.1 {}", master.port);
    let replica = RedisServer::start_with(&["--replicaof", &replica_of]);
    let nobody = free_port();
    for (string, word) in [
        (format!("127.0.0.1:{}", replica.port), "is a replica"),
        (format!("127.0.0.1:{nobody}"), "cannot connect"),
    ] {
        let string = format!("{string},abortConnect=true");
        match make(&string, "test", "a", &[]).start().await {
            Err(StartError::Service { reason, .. }) => assert!(reason.contains(word), "{reason}"),
            other => panic!("{string}: {other:?}"),
        }
    }

    // Of several the master is found.
    let all = format!(
        "127.0.0.1:{nobody},127.0.0.1:{},127.0.0.1:{}",
        replica.port, master.port
    );
    deliver_over(&all).await;
}

fn write(path: &Path, text: &str) {
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_spoken_with_a_server_that_its_authority_vouches_for() {
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
    let server = RedisServer::start_program("redis-server", &|port, _| {
        let port = port.to_string();
        let (certificate, key) = (file("server.pem"), file("server.key"));
        let arguments = [
            "--port",
            "0",
            "--tls-port",
            &port,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &certificate,
            "--tls-auth-clients",
            "no",
        ];
        arguments.map(str::to_owned).to_vec()
    });
    let over_tls = |id: &str, peer: &str, authorities: &str, options: &str| {
        let url = format!("rediss://127.0.0.1:{}{options}", server.port);
        let options = RedisOptions {
            tls_authorities: Some(file(authorities).into()),
            ..RedisOptions::new(url.parse().unwrap())
        };
        make_with(options, setup("test", id, &[peer]))
    };

    let mut a = BrokerNode::start(over_tls("a", "b", "server.pem", "")).await;
    let mut b = BrokerNode::start(over_tls("b", "a", "server.pem", "")).await;
    deliver(&mut a, &mut b, Lane::Data, "over TLS").await;

    for (authorities, options) in [
        ("other.pem", "?abortConnect=true"),
        ("server.pem", "?abortConnect=true&sslHost=example.org"),
    ] {
        let refused = over_tls("c", "a", authorities, options).start().await;
        let Err(StartError::Service { reason, .. }) = refused else {
            panic!("{authorities} {options}: {refused:?}");
        };
        assert!(reason.contains("no TLS with"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_names_the_master_before_and_after_a_failover() {
    let mut master = RedisServer::start();
    let replica_of = format!("127.0.0.1 {}", master.port);
    let replica = RedisServer::start_with(&["--replicaof", &replica_of]);
    let sentinel = RedisServer::start_program("redis-sentinel", &|port, dir| {
        let config = dir.join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n",
            dir.display(),
            master.port,
        );
        write(&config, &text);
        vec![config.to_str().unwrap().to_owned()]
    });
    let url = format!("redis-sentinel://127.0.0.1:{}/main", sentinel.port);
    let (mut a, mut b) = deliver_over(&url).await;
    // It has to know the replica before the master dies.
    let known = async {
        while !sentinel
            .ask(&["SENTINEL", "replicas", "main"])
            .contains(&replica.port.to_string())
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.expect("known");

    master.kill();

    a.until("the channels are down", |node| node.up.is_empty())
        .await;
    b.until("the channels are down", |node| node.up.is_empty())
        .await;
    deliver(&mut a, &mut b, Lane::Data, "after the failover").await;
    assert!(replica.ask(&["CLIENT", "LIST"]).contains("raftwire-a-data"));

    let unknown = format!(
        "127.0.0.1:{},serviceName=other,abortConnect=true",
        sentinel.port
    );
    match make(&unknown, "test", "a", &[]).start().await {
        Err(StartError::Service { reason, .. }) => {
            assert!(reason.contains("\"other\""), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_cluster_carries_each_lane_by_the_server_of_its_slot() {
    let servers: Vec<RedisServer> = (0..3).map(|_| start_cluster_server()).collect();
    let first = &servers[0];
    for (index, server) in servers.iter().enumerate() {
        let slots = [(0, 5460), (5461, 10922), (10923, 16383)][index];
        let (from, to) = (slots.0.to_string(), slots.1.to_string());
        let added = server.ask(&["CLUSTER", "ADDSLOTSRANGE", &from, &to]);
        assert_eq!(added.trim(), "OK");
        let port = server.port.to_string();
        // The bus port is given: its default is beyond the range of high ports.
        let bus = bus_port(server.port).to_string();
        let met = first.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        assert_eq!(met.trim(), "OK");
    }
    let formed = async {
        while !servers.iter().all(|server| {
            server
                .ask(&["CLUSTER", "INFO"])
                .contains("cluster_state:ok")
        }) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, formed)
        .await
        .expect("formed");

    // One node knows one server, the other one another.
    let mut a = BrokerNode::start(make(&servers[0].url(), "test", "a", &["b"])).await;
    let mut b = BrokerNode::start(make(&servers[1].url(), "test", "b", &["a"])).await;
    deliver(&mut a, &mut b, Lane::Control, "control").await;
    deliver(&mut a, &mut b, Lane::Data, "data").await;

    // Each lane is on one server, whichever that is.
    for lane in Lane::ALL {
        let name = format!("raftwire-a-{lane}");
        let of_lane = servers
            .iter()
            .filter(|server| server.ask(&["CLIENT", "LIST"]).contains(&name));
        assert_eq!(of_lane.count(), 1, "the {lane} lane");
    }
}

/// The bus of a Redis Cluster listens on a port of its own.
fn bus_port(port: u16) -> u16 {
    if port > 20_000 {
        port - 10_000
    } else {
        port + 10_000
    }
}

fn start_cluster_server() -> RedisServer {
    RedisServer::start_program("redis-server", &|port, _| {
        let bus = bus_port(port).to_string();
        let arguments = [
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &bus,
            "--cluster-node-timeout",
            "2000",
        ];
        arguments.map(str::to_owned).to_vec()
    })
}
