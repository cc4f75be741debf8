use proptest::prelude::*;

use super::*;
use crate::InvalidNodeId;

fn parse(text: &str) -> Result<NodeAddress, InvalidNodeAddress> {
    text.parse()
}

fn parts(text: &str) -> (String, Option<(Scheme, String, u16)>) {
    let address = parse(text).expect("a right form");
    let endpoint = address.endpoint.map(|e| (e.scheme, e.host, e.port));
    (address.node.to_string(), endpoint)
}

#[test]
fn all_four_forms_are_read() {
    let endpoint = |scheme, host: &str, port| Some((scheme, host.to_owned(), port));
    assert_eq!(
        parts("ws://10.0.0.1:5000/node1"),
        ("node1".to_owned(), endpoint(Scheme::Ws, "10.0.0.1", 5000))
    );
    assert_eq!(
        parts("wss://node-2.example.com:443/node2"),
        (
            "node2".to_owned(),
            endpoint(Scheme::Wss, "node-2.example.com", 443)
        )
    );
    assert_eq!(
        parts("node3@localhost:65535"),
        ("node3".to_owned(), endpoint(Scheme::Ws, "localhost", 65535))
    );
    assert_eq!(parts("node_4.x-y"), ("node_4.x-y".to_owned(), None));
}

#[test]
fn an_ipv6_address_stands_in_brackets() {
    assert_eq!(
        parts("ws://[2001:DB8::1]:5000/n"),
        (
            "n".to_owned(),
            Some((Scheme::Ws, "2001:db8::1".to_owned(), 5000))
        )
    );
    assert_eq!(
        parts("n@[::1]:1"),
        ("n".to_owned(), Some((Scheme::Ws, "::1".to_owned(), 1)))
    );
    assert_eq!(
        parse("n@[::1]:1").expect("right").to_string(),
        "ws://[::1]:1/n"
    );
}

#[test]
fn two_spellings_of_one_address_are_equal() {
    assert_eq!(
        parse("WS://Node1.Example:5000/n"),
        parse("n@node1.example:5000")
    );
    assert_eq!(parse("n@[0:0:0:0:0:0:0:1]:5000"), parse("n@[::1]:5000"));
    assert_ne!(parse("n@host:5000"), parse("N@host:5000"));
}

#[test]
fn each_wrong_form_has_its_own_error() {
    use InvalidNodeAddress as E;
    let character = |character| E::NodeId {
        source: InvalidNodeId::Character { character },
    };
    let cases = [
        ("", E::Empty),
        (" node1", E::Whitespace { character: ' ' }),
        ("ws://host:5000/node 1", E::Whitespace { character: ' ' }),
        ("node1\n", E::Whitespace { character: '\n' }),
        ("http://host:5000/node1", E::scheme("http")),
        ("://host:5000/node1", E::scheme("")),
        ("host:5000", E::NodeIdMissing),
        ("[::1]:5000", E::NodeIdMissing),
        ("ws://host:5000", E::NodeIdMissing),
        ("ws://host:5000/", E::NodeIdMissing),
        ("@host:5000", E::NodeIdMissing),
        ("ws://host:5000/nöde", character('ö')),
        ("no/de@host:5000", character('/')),
        ("node~1", character('~')),
        ("ws:///node1", E::HostMissing),
        ("ws://:5000/node1", E::HostMissing),
        ("node1@", E::HostMissing),
        ("node1@:5000", E::HostMissing),
        ("node1@ho^st:5000", E::host("ho^st")),
        ("node1@10.0.0:5000", E::host("10.0.0")),
        ("node1@10.0.0.256:5000", E::host("10.0.0.256")),
        ("node1@a@b:5000", E::host("a@b")),
        ("node1@[::1]5000", E::host("[::1]5000")),
        ("ws://::1:5000/node1", E::brackets("::1:5000")),
        ("node1@2001:db8::1", E::brackets("2001:db8::1")),
        ("node1@[::1:5000", E::ipv6("::1:5000")),
        ("node1@[host]:5000", E::ipv6("host")),
        ("node1@[fe80::1%eth0]:5000", E::ipv6("fe80::1%eth0")),
        ("ws://host/node1", E::PortMissing),
        ("node1@host", E::PortMissing),
        ("node1@host:", E::PortMissing),
        ("node1@[::1]", E::PortMissing),
        ("node1@host:0", E::port("0")),
        ("node1@host:65536", E::port("65536")),
        ("node1@host:+80", E::port("+80")),
        ("node1@host:http", E::port("http")),
        ("ws://host:5000/cluster/node1", E::path("cluster/node1")),
        ("ws://host:5000/node1/", E::path("node1/")),
        ("ws://node1@host:5000/", E::UserInfo),
        (
            "ws://host:5000/node1?x=1",
            E::QueryOrFragment { character: '?' },
        ),
        (
            "ws://host:5000#node1",
            E::QueryOrFragment { character: '#' },
        ),
    ];
    for (text, error) in cases {
        assert_eq!(parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn every_error_shows_the_right_forms_and_is_short() {
    let long = "x".repeat(10_000);
    for text in [
        "",
        " ",
        "http://h:1/n",
        "h:1",
        "n@h:0",
        &format!("{long}://h:1/n"),
        &format!("n@{long}:1"),
    ] {
        let message = parse(text).expect_err("a wrong form").to_string();
        for form in [
            "ws://host:port/nodeId",
            "wss://",
            "nodeId@host:port",
            "`nodeId` alone",
            "[::1]",
        ] {
            assert!(message.contains(form), "{message}");
        }
        assert!(message.len() < 400, "{message}");
    }
}

fn any_address() -> impl Strategy<Value = NodeAddress> {
    let host = prop_oneof![
        "[a-z][a-z0-9.-]{0,40}",
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()),
    ];
    let scheme = prop_oneof![Just(Scheme::Ws), Just(Scheme::Wss)];
    let endpoint = (scheme, host, 1_u16..)
        .prop_map(|(scheme, host, port)| Endpoint::new(scheme, &host, port).expect("sound"));
    let node = "[A-Za-z0-9._-]{1,64}".prop_map(|text| NodeId::new(&text).expect("allowed"));
    (node, proptest::option::of(endpoint))
        .prop_map(|(node, endpoint)| NodeAddress { node, endpoint })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(address in any_address()) {
        prop_assert_eq!(parse(&address.to_string()), Ok(address));
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,80}") {
        if let Ok(address) = parse(&text) {
            prop_assert_eq!(parse(&address.to_string()), Ok(address));
        }
    }

    #[test]
    fn almost_right_texts_are_read_or_refused(text in "(wss?|http)?(://)?[a-z0-9\\[\\]:.@/]{0,30}") {
        if let Ok(address) = parse(&text) {
            prop_assert_eq!(parse(&address.to_string()), Ok(address));
        }
    }
}
