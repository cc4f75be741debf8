//! `docs/protocol.md` says what the code does: its examples are read, its tables compared.

use std::collections::BTreeSet;

use bytes::Bytes;
use raftwire::{Audience, FullQueue, RouteOutcome};
use raftwire_protocol::{CloseCode, Frame};
use serde_json::Value;

use super::{Counts, ErrorCode, FromClient, Outcome, SendRequest, Target, ToClient, binary};
use crate::ClusterReport;
use crate::http::{ApiErrorCode, RefusalReason};
use crate::websocket_engine::HandshakeError;

const PAGE: &str = include_str!("../../../../../docs/protocol.md");

/// The lines of all code blocks that are marked so, each block with its own.
fn blocks(mark: &str) -> Vec<Vec<&'static str>> {
    let fence = format!("```{mark}\n");
    let starts = PAGE.match_indices(&fence).map(|(at, _)| at + fence.len());
    let blocks: Vec<_> = starts
        .map(|start| PAGE[start..].split("```").next().unwrap().lines().collect())
        .collect();
    assert!(!blocks.is_empty(), "the page has no {mark}");
    blocks
}

fn examples(mark: &str) -> impl Iterator<Item = &'static str> {
    blocks(mark).into_iter().flatten()
}

fn from_hex(lines: &[&str]) -> Bytes {
    let digits = lines.iter().flat_map(|line| line.split_whitespace());
    digits
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

/// The cells of the table under a heading, row by row, without backquotes.
fn table(heading: &str) -> Vec<Vec<String>> {
    let (_, section) = PAGE.split_once(&format!("# {heading}\n")).unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells = row.trim_matches('|').split('|');
        cells
            .map(|cell| cell.replace('`', "").trim().to_owned())
            .collect()
    })
    .collect()
}

/// Parsing and writing again gives the example, so it has no field too many or too few.
fn check<'a, T: serde::Deserialize<'a> + serde::Serialize>(example: &'a str) {
    let parsed: T = serde_json::from_str(example).expect(example);
    let written = serde_json::to_value(&parsed).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(example).unwrap());
}

/// Every outcome that there is.
fn outcomes() -> Vec<RouteOutcome> {
    let node: raftwire::NodeId = "node2".parse().unwrap();
    vec![
        RouteOutcome::Delivered,
        RouteOutcome::Written,
        RouteOutcome::NotFound,
        RouteOutcome::Unavailable,
        RouteOutcome::Busy {
            queue: FullQueue::Peer,
        },
        RouteOutcome::TooLarge { limit_bytes: None },
        RouteOutcome::Refused,
        RouteOutcome::SlowConsumer,
        RouteOutcome::NodeDown { node: node.clone() },
        RouteOutcome::NodeLost { node, index: 41 },
        RouteOutcome::Deadline { transmitted: false },
        RouteOutcome::Deadline { transmitted: true },
        RouteOutcome::Superseded,
    ]
}

#[test]
fn what_the_page_lets_a_client_say_is_understood() {
    for example in examples("json from-client") {
        FromClient::decode(&Frame::text(example)).expect(example);
    }
    let said = blocks("hex from-client").into_iter().map(|block| {
        match FromClient::decode(&Frame::binary(from_hex(&block))) {
            Ok(FromClient::Send(send)) => send,
            other => panic!("no send: {block:?}: {other:?}"),
        }
    });
    let meant = [
        (
            7,
            Target::Connection("~AAEAAAEAAAAAAGvnUSJ4Tg".parse().unwrap()),
        ),
        (8, Target::Many(Audience::User("alice".parse().unwrap()))),
        (9, Target::Many(Audience::Group("news".parse().unwrap()))),
        (
            10,
            Target::Connection("~AAEAAAEAAAAAAGvnUSJ4Tg".parse().unwrap()),
        ),
    ]
    .map(|(id, to)| SendRequest {
        id,
        to,
        frame: Frame::binary(&b"\x00\xff"[..]),
        deadline: None,
        is_brief: id == 10,
    });
    assert_eq!(said.collect::<Vec<_>>(), meant);
}

#[test]
fn what_the_page_lets_a_node_say_is_what_it_says() {
    examples("json to-client").for_each(check::<ToClient<'_>>);
    examples("json cluster").for_each(check::<ClusterReport>);
    examples("json outcome").for_each(check::<Outcome>);
    examples("json counts").for_each(check::<Counts>);
    for example in examples("json http-error") {
        let error: Value = serde_json::from_str(example).expect(example);
        assert!(error["error"]["code"].is_string() && error["error"]["message"].is_string());
    }
    for block in blocks("hex to-client") {
        let said = from_hex(&block);
        let delivered = binary::encode_delivered(10);
        assert!(
            said == binary::encode_message(3, b"\x00\xff") || said == delivered[..],
            "{block:?}"
        );
    }
}

#[test]
fn the_page_says_how_large_a_message_may_be() {
    let envelope = super::limits::ENVELOPE_BYTES_MAX.to_string();
    let thousands = format!("{},{}", &envelope[..1], &envelope[1..]);
    for (of, bytes_max) in [
        ("client", super::limits::from_client_bytes_max(1000)),
        ("node", super::limits::to_client_bytes_max(1000)),
    ] {
        let times = (bytes_max - super::limits::ENVELOPE_BYTES_MAX) / 1000;
        let said = format!("{times} × `message_bytes_max` + {thousands} bytes");
        assert!(PAGE.contains(&said), "of a {of}: {said}");
    }
}

#[test]
fn the_table_of_outcomes_has_them_all() {
    let documented = table("Outcomes").into_iter().map(|row| {
        (
            row[0].clone(),
            row[1].clone(),
            row[3].parse::<u16>().unwrap(),
        )
    });
    let known = outcomes().into_iter().map(|outcome| {
        let status = crate::http::status_of(&outcome).as_u16();
        let outcome = Outcome::from(&outcome);
        (
            outcome.outcome.into_owned(),
            outcome.happened.into_owned(),
            status,
        )
    });
    assert_eq!(documented.collect::<Vec<_>>(), known.collect::<Vec<_>>());
}

/// Every code of an error that there is: a further one does not compile here.
fn error_codes() -> impl Iterator<Item = ErrorCode> {
    std::iter::successors(Some(ErrorCode::Malformed), |code| match code {
        ErrorCode::Malformed => Some(ErrorCode::UnknownType),
        ErrorCode::UnknownType => Some(ErrorCode::InvalidTarget),
        ErrorCode::InvalidTarget => Some(ErrorCode::NotAllowed),
        ErrorCode::NotAllowed => Some(ErrorCode::TooLarge),
        ErrorCode::TooLarge => Some(ErrorCode::TooManyGroups),
        ErrorCode::TooManyGroups => Some(ErrorCode::Unavailable),
        ErrorCode::Unavailable => None,
    })
}

#[test]
fn the_table_of_error_codes_has_them_all() {
    let documented = table("The node says").into_iter();
    let documented: Vec<_> = documented.map(|row| row[0].clone()).collect();
    let known = error_codes().map(|code| serde_json::to_value(code).unwrap());
    let known: Vec<_> = known
        .map(|code| code.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(documented, known);
}

#[test]
fn the_table_of_refused_openings_has_them_all() {
    let list = |cell: &str| -> Vec<String> { cell.split(", ").map(str::to_owned).collect() };
    let mut documented = BTreeSet::new();
    for row in table("raftwire.v1") {
        let (statuses, codes) = (list(&row[0]), list(&row[1]));
        // One code with each of the statuses, or as many of both.
        for (place, status) in statuses.iter().enumerate() {
            let code = codes.get(place).unwrap_or(&codes[0]).clone();
            documented.insert((code, status.parse::<u16>().unwrap()));
        }
        assert!(codes.len() == 1 || codes.len() == statuses.len(), "{row:?}");
    }
    let reasons = RefusalReason::ALL.into_iter();
    let mut known: BTreeSet<_> = reasons
        .map(|reason| (reason.code().to_owned(), reason.status().as_u16()))
        .collect();
    let handshakes = [
        HandshakeError::Method,
        HandshakeError::NoUpgrade,
        HandshakeError::Version,
        HandshakeError::Key,
    ];
    let code = RefusalReason::NotAWebSocket.code();
    known.extend(handshakes.map(|error| (code.to_owned(), error.status().as_u16())));
    assert_eq!(documented, known);
}

#[test]
fn the_table_of_the_apis_errors_has_them_all() {
    let rows = table("Errors of the API").into_iter().flat_map(|row| {
        let status = row[0].parse::<u16>().unwrap();
        let codes: Vec<_> = row[1].split(", ").map(str::to_owned).collect();
        codes.into_iter().map(move |code| (status, code))
    });
    let known = ApiErrorCode::ALL.map(|code| (code.status().as_u16(), code.code().to_owned()));
    assert_eq!(rows.collect::<Vec<_>>(), known);
}

#[test]
fn the_table_of_close_codes_has_them_all() {
    let known = CloseCode::TABLE.map(|code| {
        let number = code.code().to_string();
        let cells = [
            &number,
            code.reason(),
            &code.reconnect().to_string(),
            code.advice(),
        ];
        cells.map(str::to_owned).to_vec()
    });
    assert_eq!(table("Close codes"), known);
}
