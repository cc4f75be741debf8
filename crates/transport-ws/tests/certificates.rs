//! TLS between nodes: what both ends learn, and what is refused, with the reason in both logs.
#![allow(clippy::unwrap_used)] // also in what tests share

mod common;

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Authority, LONG, WsHarness, node};
use raftwire_environment::Environment;
use raftwire_protocol::{Lane, NodeAddress};
use raftwire_transport::tls::read_identity;
use raftwire_transport::{ChannelSecurity, ClusterTransport, CreateError, TransportEvent};
use raftwire_transport_ws::tls::{NODE_ALPN, NodeTls, NodeTlsFiles};
use raftwire_transport_ws::{WsClusterTransport, WsOptions};
use tokio_tungstenite::tungstenite::Error;

const CONTROL: &str = "/cluster?node=b&lane=control";

/// What the nodes of one test log: they run in its thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin() -> (Self, impl Sized) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
            .with_writer(move || writer.clone())
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        (log, guard)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Waits until all of this has been logged.
    async fn says(&self, all: &[&str]) {
        let said = async {
            while !all.iter().all(|words| self.text().contains(words)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(LONG, said).await;
        in_time.unwrap_or_else(|_| panic!("{all:?} not in:\n{}", self.text()));
    }
}

/// Starts a node `b` that dials `a`.
async fn start_b(harness: &WsHarness, tls: NodeTls) -> (WsClusterTransport, impl Sized) {
    let options = WsOptions {
        tls: Some(tls),
        ..harness.options.clone()
    };
    let setup = harness.setup(&node("b"), &[node("a")]);
    let b = WsClusterTransport::new(setup, options).unwrap();
    let events = b.start().await.unwrap();
    (b, events)
}

async fn security(node: &mut common::Node) -> (Lane, ChannelSecurity) {
    loop {
        if let TransportEvent::PeerUp {
            channel, security, ..
        } = node.next().await
        {
            return (channel.lane, security);
        }
    }
}

#[tokio::test]
async fn both_ends_have_the_same_keying_material_and_each_connection_its_own() {
    let harness = WsHarness::real_with_tls();
    let mut a = harness.start("a", &[]).await;
    let mut b = harness.start("b", &["a"]).await;

    let mut of_a = [security(&mut a).await, security(&mut a).await];
    let mut of_b = [security(&mut b).await, security(&mut b).await];

    of_a.sort_by_key(|(lane, _)| *lane == Lane::Data);
    of_b.sort_by_key(|(lane, _)| *lane == Lane::Data);
    assert!(matches!(of_a[0].1, ChannelSecurity::Tls { .. }));
    assert!(of_a == of_b, "an exporter differs between the two ends");
    assert!(of_a[0].1 != of_a[1].1, "two connections share an exporter");
}

#[tokio::test]
async fn a_peer_that_is_another_node_is_refused_by_the_one_that_dials() {
    let (log, _logging) = Log::begin();
    let harness = WsHarness::real_with_tls();
    let _c = harness.start("c", &[]).await;
    let mut setup = harness.setup(&node("b"), &[]);
    setup.peers = vec![NodeAddress {
        node: node("a"),
        endpoint: harness.peer(&node("c")).endpoint,
    }];
    let tls = harness.tls_with(&node("b"), &harness.authority().node(&node("b")));
    let options = WsOptions {
        tls: Some(tls),
        ..WsOptions::default()
    };

    let b = WsClusterTransport::new(setup, options).unwrap();
    let _events = b.start().await.unwrap();

    log.says(&[
        "the certificate does not name raftwire://test/a: it names raftwire://test/c",
        "this node's certificate does not name the node that the peer meant to reach",
    ])
    .await;
}

#[tokio::test]
async fn a_peer_that_claims_another_name_than_its_certificates_is_refused() {
    let (log, _logging) = Log::begin();
    let harness = WsHarness::real_with_tls();
    let mut a = harness.start("a", &[]).await;
    let of_c = harness.authority().node(&node("c"));
    let config = harness.authority().client(Some(&of_c), NODE_ALPN);

    let refused = harness.dial_tls("a", CONTROL, config).await;

    let Err(Error::Http(response)) = refused else {
        panic!("not refused in words");
    };
    let text = String::from_utf8(response.body().clone().unwrap()).unwrap();
    assert_eq!(response.status(), 403);
    let reason = "the certificate does not name raftwire://test/b: it names raftwire://test/c";
    assert_eq!(text, reason);
    log.says(&[reason]).await;
    assert!(a.is_quiet_for(Duration::from_millis(50)).await);
}

#[tokio::test]
async fn a_certificate_of_another_cluster_is_refused() {
    let harness = WsHarness::real_with_tls();
    let _a = harness.start("a", &[]).await;
    let elsewhere = Authority::params("elsewhere", &node("b"));
    let certificate = harness.authority().sign(elsewhere);
    let config = harness.authority().client(Some(&certificate), NODE_ALPN);

    let refused = harness.dial_tls("a", CONTROL, config).await;

    assert!(matches!(refused, Err(Error::Http(response)) if response.status() == 403));
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let (log, _logging) = Log::begin();
    let harness = WsHarness::real_with_tls();
    let _a = harness.start("a", &[]).await;
    let expired = harness.authority().expired(&node("b"));

    let _b = start_b(&harness, harness.tls_with(&node("b"), &expired)).await;

    log.says(&[
        "the peer's certificate has expired",
        "this node's certificate has expired",
    ])
    .await;
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    for strange in [Authority::named("unknown"), Authority::new()] {
        let (log, _logging) = Log::begin();
        let harness = WsHarness::real_with_tls();
        let _a = harness.start("a", &[]).await;
        let certificate = strange.node(&node("b"));

        let _b = start_b(&harness, harness.tls_with(&node("b"), &certificate)).await;

        log.says(&[
            "the peer's certificate is signed by no authority that this node trusts",
            "this node's certificate is signed by no authority that the peer trusts",
        ])
        .await;
    }
}

#[tokio::test]
async fn a_certificate_for_servers_only_is_refused() {
    let (log, _logging) = Log::begin();
    let harness = WsHarness::real_with_tls();
    let _a = harness.start("a", &[]).await;
    let mut params = Authority::params("test", &node("b"));
    params.extended_key_usages.pop();
    let certificate = harness.authority().sign(params);

    let _b = start_b(&harness, harness.tls_with(&node("b"), &certificate)).await;

    log.says(&[
        "the peer's certificate is not for this use",
        "needs extendedKeyUsage=",
    ])
    .await;
}

#[tokio::test]
async fn whoever_shows_no_certificate_is_refused_unless_none_is_required() {
    let (log, _logging) = Log::begin();
    let harness = WsHarness::real_with_tls();
    let _a = harness.start("a", &[]).await;
    let anonymous = harness.authority().client(None, NODE_ALPN);

    let refused = harness.dial_tls("a", CONTROL, anonymous.clone()).await;

    assert!(refused.is_err());
    log.says(&["the peer showed no certificate"]).await;

    let environment = Environment::real();
    let certificate = harness.authority().node(&node("d"));
    let folder = harness.folder(&node("d"));
    let files = NodeTlsFiles {
        certificate_required: false,
        ..certificate.write(&environment, &folder, &harness.authority().pem())
    };
    let options = WsOptions {
        listen: Some(harness.address(&node("d"))),
        tls: Some(NodeTls::load(files, &environment).unwrap()),
        ..WsOptions::default()
    };
    let d = WsClusterTransport::new(harness.setup(&node("d"), &[]), options).unwrap();
    let events = d.start().await.unwrap();
    let mut d = common::Node {
        transport: d,
        events,
    };
    let _stream = harness.dial_tls("d", CONTROL, anonymous).await.unwrap();
    d.up(Lane::Control).await;
}

#[tokio::test]
async fn a_peer_without_tls_is_refused() {
    let (log, _logging) = Log::begin();
    let harness = WsHarness::real_with_tls();
    let _a = harness.start("a", &[]).await;

    let refused = harness.dial("a", CONTROL).await;

    assert!(refused.is_err());
    log.says(&["the peer does not speak TLS here"]).await;
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_in_time() {
    let mut harness = WsHarness::real_with_tls();
    harness.options.handshake_timeout = Duration::from_millis(50);
    let _a = harness.start("a", &[]).await;

    let mut silent = harness.connect("a").await;
    let mut byte = [0; 1];
    let read = tokio::io::AsyncReadExt::read(&mut silent, &mut byte);

    // It is closed, or reset.
    let read = tokio::time::timeout(LONG, read).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_certificate_that_was_replaced_is_shown_from_the_next_connection_on() {
    let (log, _logging) = Log::begin();
    let harness = WsHarness::real_with_tls();
    let mut a = harness.start("a", &[]).await;
    let environment = Environment::real();
    let (folder, authority) = (harness.folder(&node("b")), harness.authority());
    let trusts = authority.pem();
    let expired = authority.expired(&node("b"));
    let tls = expired.load(&environment, &folder, &trusts);
    let _b = start_b(&harness, tls.clone()).await;
    log.says(&["this node's certificate has expired"]).await;
    assert!(!tls.reload().unwrap(), "nothing has changed");

    authority
        .node(&node("b"))
        .write(&environment, &folder, &trusts);

    assert!(tls.reload().unwrap());
    a.up(Lane::Control).await;
    a.up(Lane::Data).await;
}

#[tokio::test]
async fn files_that_break_leave_what_was_loaded_in_use() {
    let harness = WsHarness::real_with_tls();
    let environment = Environment::real();
    let (folder, authority) = (harness.folder(&node("b")), harness.authority());
    let trusts = authority.pem();
    let tls = authority
        .node(&node("b"))
        .load(&environment, &folder, &trusts);
    let mut a = harness.start("a", &[]).await;

    std::fs::OpenOptions::new()
        .write(true)
        .open(folder.join("key.pem"))
        .unwrap()
        .set_len(10)
        .unwrap();

    assert!(tls.reload().is_err());
    let _b = start_b(&harness, tls).await;
    a.up(Lane::Control).await;
}

#[tokio::test]
async fn an_own_certificate_that_names_another_node_is_refused_at_once() {
    let harness = WsHarness::real_with_tls();
    let of_c = harness.authority().node(&node("c"));
    let options = WsOptions {
        tls: Some(harness.tls_with(&node("b"), &of_c)),
        ..WsOptions::default()
    };

    let refused = WsClusterTransport::new(harness.setup(&node("b"), &[]), options);

    let Err(CreateError::Option { option, reason }) = refused else {
        panic!("not refused");
    };
    assert_eq!(option, "tls");
    assert!(reason.contains("raftwire://test/b"), "{reason}");
    assert!(reason.contains("raftwire://test/c"), "{reason}");
}

#[test]
fn files_that_cannot_be_used_are_named_with_what_is_wrong() {
    let environment = Environment::real();
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let certificate = authority.node(&node("a"));
    let good = certificate.write(&environment, folder.path(), &authority.pem());
    let other = authority.node(&node("b"));
    let other = other.write(&environment, &folder.path().join("b"), &authority.pem());
    let load = |files| NodeTls::load(files, &environment).unwrap_err().to_string();

    let no_file = load(NodeTlsFiles {
        certificate: Path::new("/nowhere.pem").to_owned(),
        ..good.clone()
    });
    let no_certificate = load(NodeTlsFiles {
        certificate: good.key.clone(),
        ..good.clone()
    });
    let no_key = load(NodeTlsFiles {
        key: good.certificate.clone(),
        ..good.clone()
    });
    let not_its_key = load(NodeTlsFiles {
        key: other.key,
        ..good.clone()
    });

    assert!(
        no_file.starts_with("cannot read /nowhere.pem: "),
        "{no_file}"
    );
    assert!(
        no_certificate.contains("key.pem: no certificate"),
        "{no_certificate}"
    );
    assert!(
        no_key.contains("certificate.pem: no private key"),
        "{no_key}"
    );
    assert!(
        not_its_key.contains("b/key.pem is not that of"),
        "{not_its_key}"
    );
    read_identity(environment.disk().as_ref(), &good.certificate, &good.key).unwrap();
}
