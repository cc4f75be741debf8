//! TLS on the one port: three nodes with mutual TLS, clients, the API, and what is refused.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // also in what tests share

mod support;

use std::path::Path;

use support::{Authority, Client, Cluster, Settings, eventually, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn three_nodes(authority: &Authority) -> Cluster {
    let settings = ["node1", "node2", "node3"].map(|node| authority.node(node));
    let mut cluster = Cluster::prepare_each(&settings.each_ref()).await;
    for node in 0..3 {
        cluster.node_mut(node).start();
    }
    for node in 0..3 {
        cluster.ready(node).await;
    }
    cluster
}

async fn logged(cluster: &Cluster, node: usize, what: &str) {
    let wanted = format!("\"{what}\" in the log of node {}", node + 1);
    eventually(&wanted, async || {
        cluster.node(node).log().contains(what).then_some(())
    })
    .await;
}

#[tokio::test]
async fn clients_of_three_nodes_reach_each_other_over_mutual_tls() {
    let authority = Authority::new();
    let cluster = three_nodes(&authority).await;
    let mut from = cluster.node(0).client().await;

    for to in 1..3 {
        let mut to = cluster.node(to).client().await;
        let target = to.id.clone();
        let result = from.send_and_learn(&target, "hello").await;
        let message = to.json().await;

        assert_eq!(result["outcome"], "delivered");
        assert_eq!(message["text"], "hello");
    }
}

#[tokio::test]
async fn a_node_killed_under_tls_comes_back() {
    let authority = Authority::new();
    let mut cluster = three_nodes(&authority).await;

    cluster.kill(2).await;
    cluster.restart(2).await;

    let mut client = cluster.node(2).client().await;
    let mut other = cluster.node(0).client().await;
    let target = client.id.clone();
    assert_eq!(
        other.send_and_learn(&target, "hello").await["outcome"],
        "delivered"
    );
    assert_eq!(client.json().await["text"], "hello");
}

#[tokio::test]
async fn a_node_with_anothers_certificate_does_not_start() {
    let authority = Authority::new();
    let files = authority.sign("node9", "raftwire://raftwire/node9");
    let settings = authority.with_files(&files);
    let mut cluster = Cluster::prepare_each(&[&settings]).await;

    cluster.node_mut(0).start();

    logged(&cluster, 0, "does not name raftwire://raftwire/node1").await;
    eventually("its end", async || {
        (!cluster.node_mut(0).is_running()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_node_of_another_authority_is_refused_and_both_logs_say_why() {
    let (right, wrong) = (Authority::new(), Authority::new());
    let settings = [
        right.node("node1"),
        right.node("node2"),
        wrong.node("node3"),
    ];
    let mut cluster = Cluster::prepare_each(&settings.each_ref()).await;
    for node in 0..3 {
        cluster.node_mut(node).start();
    }

    logged(&cluster, 0, "signed by no authority that").await;
    logged(&cluster, 2, "signed by no authority that").await;
}

#[tokio::test]
async fn a_node_that_shows_no_certificate_is_refused_by_name() {
    let authority = Authority::new();
    let cluster = three_nodes(&authority).await;
    let port = cluster.node(0).port;

    // A client's TLS, which asks for no certificate, and then the cluster channel.
    let answer = ask(
        &authority,
        port,
        "GET /cluster?node=node2&lane=data HTTP/1.1\r\nHost: localhost\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    .await;

    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("certificate_refused"), "{answer}");
    logged(&cluster, 0, "it showed no certificate").await;
}

/// Sends this over TLS, and reads what comes back first.
async fn ask(authority: &Authority, port: u16, request: &str) -> String {
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let host = "localhost".try_into().unwrap();
    let connector = tokio_rustls::TlsConnector::from(authority.client());
    let mut stream = connector.connect(host, socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn the_command_line_asks_over_https_with_the_authority_and_not_without() {
    let authority = Authority::new();
    let cluster = Cluster::start_with(1, &authority.node("node1")).await;
    let url = format!("--url={}", cluster.node(0).url());
    let ca = format!("--ca={}", authority.file().display());
    let stranger = Authority::new();
    let wrong_ca = format!("--ca={}", stranger.file().display());

    let told = run(&["status", &url, &ca], &[]).await;
    let client = cluster.node(0).client().await;
    let sent = run(&["send", &client.id, "hello", &url, &ca], &[]).await;
    let without = run(&["status", &url], &[]).await;
    let wrong = run(&["status", &url, &wrong_ca], &[]).await;

    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.contains("node1"), "{told:?}");
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert_eq!(without.code, Some(2), "{without:?}");
    assert!(without.stderr.contains("--ca"), "{without:?}");
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.stderr.contains("signed by no authority"), "{wrong:?}");
}

#[tokio::test]
async fn nodes_are_listed_and_removed_over_https_with_the_authority_only() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut cluster = three_nodes(&authority).await;
    let url = format!("--url={}", cluster.node(0).url());
    let (own, foreign) = (authority.file(), stranger.file());
    let [own, foreign] = [&own, &foreign].map(|file| file.display().to_string());
    let trusting = [("RAFTWIRE_CA", own.as_str())];
    let misled = [("RAFTWIRE_CA", foreign.as_str())];
    let nowhere = [("RAFTWIRE_CA", "/no.pem")];
    let (list, removal) = (["nodes", &url], ["remove", "node3", &url]);

    let listed = run(&list, &trusting).await;
    let alive = run(&removal, &trusting).await;
    cluster.node_mut(2).terminate().await;
    cluster
        .until(0, "another leader, and node3 gone", |report| {
            let mut nodes = report.nodes.iter();
            let is_gone = nodes.any(|node| node.node == "node3" && !node.alive);
            let leader = report.leader.as_deref();
            report.ready && is_gone && leader.is_some_and(|leader| leader != "node3")
        })
        .await;
    let address = format!("127.0.0.1:{}", cluster.node(0).port);
    let untrusted = format!(
        "no TLS connection with {address}: its certificate is signed by no authority in the file \
         that --ca, or RAFTWIRE_CA, names"
    );
    for command in [&list[..], &removal] {
        for (variables, code, words) in [
            (&misled[..], 1, untrusted.as_str()),
            (&nowhere, 2, "cannot read /no.pem"),
            (&[], 2, "--ca names a PEM file"),
        ] {
            let refused = run(command, variables).await;
            assert_eq!(refused.code, Some(code), "{command:?}: {refused:?}");
            assert!(refused.stderr.contains(words), "{refused:?}");
            assert_eq!(refused.stdout, "");
        }
    }
    let not_yet = run(&list, &trusting).await;
    let removed = run(&removal, &trusting).await;

    assert_eq!(listed.code, Some(0), "{listed:?}");
    for node in ["node1", "node2", "node3"] {
        assert!(listed.stdout.contains(node), "{listed:?}");
    }
    assert_eq!(alive.code, Some(1), "{alive:?}");
    assert!(alive.stderr.contains("node3 is alive"), "{alive:?}");
    assert!(not_yet.stdout.contains("node3"), "{not_yet:?}");
    assert_eq!(removed.code, Some(0), "{removed:?}");
    assert_eq!(removed.stdout, "node3 is no member any more\n");
    eventually("the removal", async || {
        let listed = run(&list, &trusting).await;
        (!listed.stdout.contains("node3")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_command_line_that_asks_with_the_wrong_scheme_is_told_the_right_one() {
    let authority = Authority::new();
    let ca = format!("--ca={}", authority.file().display());
    let (with_tls, plain) = (
        Cluster::start_with(1, &authority.node("node1")).await,
        Cluster::start(1).await,
    );
    let address = |cluster: &Cluster| format!("127.0.0.1:{}", cluster.node(0).port);
    let (with_tls, plain) = (address(&with_tls), address(&plain));

    for command in ["status", "listen"] {
        let without = run(&[command, &format!("--url=http://{with_tls}")], &[]).await;
        let with = run(&[command, &format!("--url=https://{plain}"), &ca], &[]).await;

        assert_eq!(without.code, Some(1), "{without:?}");
        let right = format!("try https://{with_tls}");
        assert!(without.stderr.contains(&right), "{without:?}");
        assert_eq!(with.code, Some(1), "{with:?}");
        let right = format!("try http://{plain}");
        assert!(with.stderr.contains(&right), "{with:?}");
    }
}

#[tokio::test]
async fn a_socket_that_never_begins_its_handshake_is_closed() {
    let authority = Authority::new();
    let settings = authority
        .node("node1")
        .with_flag("http-handshake-timeout", "200ms");
    let cluster = Cluster::start_with(1, &settings).await;

    let mut silent = TcpStream::connect(("127.0.0.1", cluster.node(0).port))
        .await
        .unwrap();
    let mut byte = [0; 1];
    let read = tokio::time::timeout(support::WAIT_MAX, silent.read(&mut byte)).await;

    assert_eq!(read.expect("in time").unwrap_or(0), 0);
}

#[tokio::test]
async fn a_page_of_another_origin_may_not_connect_and_programs_may() {
    let settings = Settings::default().with_flag("client-origins", "https://app.example.org");
    let cluster = Cluster::start_with(1, &settings).await;
    let own = Cluster::start(1).await;
    let (listed, unlisted) = (cluster.node(0).port, own.node(0).port);

    let page = "https://app.example.org";
    assert_eq!(upgrade(listed, page).await, 101);
    assert_eq!(upgrade(listed, "https://evil.example").await, 403);
    assert_eq!(
        upgrade(listed, &format!("http://127.0.0.1:{listed}")).await,
        403
    );
    assert_eq!(
        upgrade(unlisted, &format!("http://127.0.0.1:{unlisted}")).await,
        101
    );
    assert_eq!(upgrade(unlisted, page).await, 403);
    // The client of the tests sends no origin.
    Client::connect(listed).await;
    Client::connect(unlisted).await;
}

/// The status of the answer to a page of this origin.
async fn upgrade(port: u16, origin: &str) -> u16 {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: raftwire.v1\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 2048];
    let read = socket.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    assert_eq!(
        status == 403,
        answer.contains("origin_not_allowed"),
        "{answer}"
    );
    status
}

#[tokio::test]
async fn what_is_wrong_with_certificates_is_said_before_anything_starts() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign("node1", "raftwire://raftwire/node1");
    let (_, other_key) = authority.sign("other", "raftwire://raftwire/other");
    let flag = |name: &str, path: &Path| format!("--tls-{name}={}", path.display());
    let data = tempfile::tempdir().unwrap();
    let data = format!("--data-dir={}", data.path().display());
    let port = format!("--node-port={}", support::free_ports(1).await[0]);
    let serve = async |flags: &[String]| {
        let mut arguments = vec!["serve", &data, &port];
        arguments.extend(flags.iter().map(String::as_str));
        run(&arguments, &[]).await
    };
    let certificate = flag("certificate", &certificate);

    let no_key = serve(std::slice::from_ref(&certificate)).await;
    let not_its = serve(&[certificate.clone(), flag("key", &other_key)]).await;
    let nowhere = serve(&[certificate.clone(), flag("key", Path::new("/no.pem"))]).await;
    let wss = serve(&["--nodes=wss://127.0.0.1:9/node2".to_owned()]).await;
    let no_authorities = serve(&[
        certificate,
        flag("key", &key),
        "--nodes=wss://127.0.0.1:9/node2".to_owned(),
    ])
    .await;

    let cases = [
        (&no_key, 2, "tls.certificate is set and tls.key is not"),
        (
            &not_its,
            1,
            "other-key.pem is not that of the first certificate in",
        ),
        (&nowhere, 1, "cannot read /no.pem"),
        (
            &wss,
            2,
            "needs tls.certificate, tls.key and tls.node_authorities",
        ),
        (&no_authorities, 2, "needs tls.node_authorities"),
    ];
    for (ended, code, words) in cases {
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.stderr.contains(words), "{ended:?}");
    }
}

#[tokio::test]
async fn the_commands_of_the_security_page_make_certificates_that_work() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/security.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```sh\n").skip(1);
    let commands = blocks
        .filter_map(|block| block.split("```").next())
        .find(|block| block.starts_with("openssl req"));
    let folder = tempfile::tempdir().unwrap();
    let made = tokio::process::Command::new("sh")
        .args(["-ec", commands.expect("commands on the page")])
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    let words = String::from_utf8_lossy(&made.stderr);
    assert!(
        made.status.success(),
        "the test needs OpenSSL 3 (Debian: apt-get install openssl): {words}"
    );

    let path = |name: &str| folder.path().join(name);
    let flag = |name: &str, file: &str| (format!("tls-{name}"), path(file).display().to_string());
    let mut settings = Settings::default();
    for (name, value) in [
        flag("certificate", "node1.pem"),
        flag("key", "node1-key.pem"),
        flag("node-authorities", "authority.pem"),
    ] {
        settings = settings.with_flag(&name, &value);
    }
    let mut cluster = Cluster::prepare_each(&[&settings]).await;
    cluster.node_mut(0).start();
    let url = format!("--url=https://127.0.0.1:{}", cluster.node(0).port);
    let ca = format!("--ca={}", path("authority.pem").display());

    let told = eventually("an answer", async || {
        let told = run(&["status", &url, &ca], &[]).await;
        (told.code == Some(0)).then_some(told)
    })
    .await;

    assert!(told.stdout.contains("node1"), "{told:?}");
}
