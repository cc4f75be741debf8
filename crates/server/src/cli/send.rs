//! `raftwire send`

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use raftwire_environment::Environment;
use serde::Deserialize;

use super::arguments::{RecipientArguments, SendArguments};
use super::{FAILURE, Failure, Output, SUCCESS, Style, UNKNOWN, client_of};
use crate::client::protocol::{Counts, Outcome};
use crate::http_client::RequestError;

/// What the node answers: of many connections the counts, of one its outcome, which a message that
/// is too large has in any case.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Many(Counts),
    One(Outcome),
}

pub(super) async fn run(arguments: SendArguments, environment: Environment) -> Result<(), Failure> {
    let SendArguments {
        recipients,
        text,
        node,
    } = arguments;
    let client = client_of(node, environment).await?;
    let path = path_to(&recipients);
    let answer: Answer = client
        .post(&path, "text/plain", Bytes::from(text))
        .await
        .map_err(without_answer)?;

    let (code, lines) = match &answer {
        Answer::One(outcome) => (code_of_one(outcome), vec![in_words(outcome)]),
        Answer::Many(counts) => (code_of_many(counts), lines_of(counts)),
    };
    let output = Output::stdout();
    let mut style = match code {
        SUCCESS => Style::Good,
        _ => Style::Bad,
    };
    for line in lines {
        output.line(&output.paint(style, &line));
        // Below the first line is only what went wrong.
        style = Style::Bad;
    }
    match code {
        SUCCESS => Ok(()),
        code => Err(Failure::silent(code)),
    }
}

fn path_to(recipients: &RecipientArguments) -> String {
    let RecipientArguments {
        connection,
        user,
        group,
        everybody: _,
    } = recipients;
    let connection = connection
        .as_ref()
        .map(|id| ("connections", id.to_string()));
    let user = user.as_ref().map(|user| ("users", user.to_string()));
    let group = group.as_ref().map(|group| ("groups", group.to_string()));
    match connection.or(user).or(group) {
        Some((kind, name)) => {
            let name = utf8_percent_encode(&name, NON_ALPHANUMERIC);
            format!("/api/v1/{kind}/{name}/messages")
        }
        None => "/api/v1/messages".to_owned(),
    }
}

/// Where the node was asked and did not answer, it may have sent the message on.
fn without_answer(error: RequestError) -> Failure {
    let is_unknown = matches!(
        error,
        RequestError::Timeout { .. } | RequestError::Unintelligible { .. }
    );
    let mut failure = Failure::new(error);
    if is_unknown {
        failure.message.push_str("; whether it arrived is unknown");
        failure.code = UNKNOWN;
    }
    failure
}

fn code_of_one(outcome: &Outcome) -> u8 {
    match &*outcome.happened {
        "yes" => SUCCESS,
        "no" => FAILURE,
        _ => UNKNOWN,
    }
}

/// Whether anybody got it.
fn code_of_many(counts: &Counts) -> u8 {
    if counts.delivered > 0 {
        SUCCESS
    } else if counts.unknown_nodes.is_empty() {
        FAILURE
    } else {
        UNKNOWN
    }
}

/// Whom it reached, and below that whom it did not, or perhaps not.
fn lines_of(counts: &Counts) -> Vec<String> {
    let mut lines = vec![match counts.delivered {
        0 => "delivered to nobody".to_owned(),
        count => format!("delivered to {}", connections(count)),
    }];
    for (outcome, count) in &counts.failed {
        let reason = outcome.replace('_', " ");
        lines.push(format!(
            "not delivered to {}: {reason}",
            connections(*count)
        ));
    }
    for (node, outcome) in &counts.missed_nodes {
        let reason = outcome.replace('_', " ");
        lines.push(format!("not delivered to those on {node}: {reason}"));
    }
    for (node, outcome) in &counts.unknown_nodes {
        let reason = outcome.replace('_', " ");
        lines.push(format!(
            "unknown whether delivered to those on {node}: {reason}"
        ));
    }
    if counts.fenced {
        let line = "the node that was asked is cut off: nodes that it had not heard of are missed";
        lines.push(line.to_owned());
    }
    lines
}

fn connections(count: u64) -> String {
    match count {
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    }
}

fn in_words(outcome: &Outcome) -> String {
    let mut words = outcome.outcome.replace('_', " ");
    if let Some(node) = &outcome.node {
        words.push_str(&format!(" {node}"));
    }
    if let Some(index) = outcome.index {
        words.push_str(&format!(" (dead at log index {index})"));
    }
    if let Some(queue) = &outcome.queue {
        words.push_str(&format!(": the {queue} queue is full"));
    }
    if let Some(limit) = outcome.limit_bytes {
        words.push_str(&format!(": the limit is {limit} bytes"));
    }
    if let Some(reason) = &outcome.reason {
        words.push_str(&format!(": {reason}"));
    }
    if outcome.happened == "unknown" {
        words.push_str("; whether it arrived is unknown");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(json: &str) -> Counts {
        match serde_json::from_str(json).expect(json) {
            Answer::Many(counts) => counts,
            Answer::One(outcome) => panic!("{outcome:?}"),
        }
    }

    #[test]
    fn one_connection_that_got_it_is_enough_and_nobody_knows_only_of_none() {
        for (json, code) in [
            (r#"{"delivered":2}"#, SUCCESS),
            (
                r#"{"delivered":1,"unknown_nodes":{"node2":"node_lost"}}"#,
                SUCCESS,
            ),
            (r#"{"delivered":0}"#, FAILURE),
            (
                r#"{"delivered":0,"failed":{"refused":1},"missed_nodes":{"node3":"busy"}}"#,
                FAILURE,
            ),
            (
                r#"{"delivered":0,"unknown_nodes":{"node2":"deadline"}}"#,
                UNKNOWN,
            ),
        ] {
            assert_eq!(code_of_many(&counts(json)), code, "{json}");
        }
    }

    #[test]
    fn whoever_it_did_not_reach_has_a_line() {
        let counts = counts(
            r#"{"delivered":2,"failed":{"slow_consumer":1},"missed_nodes":{"node3":"busy"},
                "unknown_nodes":{"node2":"node_lost"},"fenced":true}"#,
        );

        assert_eq!(
            lines_of(&counts),
            [
                "delivered to 2 connections",
                "not delivered to 1 connection: slow consumer",
                "not delivered to those on node3: busy",
                "unknown whether delivered to those on node2: node lost",
                "the node that was asked is cut off: nodes that it had not heard of are missed",
            ]
        );
    }

    #[test]
    fn a_message_that_is_too_large_has_an_outcome_whoever_it_is_for() {
        let json = r#"{"outcome":"too_large","happened":"no","limit_bytes":1024}"#;
        let Ok(Answer::One(outcome)) = serde_json::from_str(json) else {
            panic!("no outcome: {json}");
        };

        assert_eq!(code_of_one(&outcome), FAILURE);
        assert_eq!(in_words(&outcome), "too large: the limit is 1024 bytes");
    }

    #[test]
    fn a_node_that_was_asked_and_gave_no_answer_may_have_sent_it() {
        let address = || "127.0.0.1:5000".to_owned();
        let timeout = without_answer(RequestError::Timeout { address: address() });
        assert_eq!(timeout.code, UNKNOWN);
        assert!(timeout.message.ends_with("whether it arrived is unknown"));

        let unreachable = without_answer(RequestError::Unreachable {
            address: address(),
            source: std::io::ErrorKind::ConnectionRefused.into(),
        });
        assert_eq!(unreachable.code, FAILURE);
    }
}
