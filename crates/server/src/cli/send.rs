//! `raftwire send`

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use raftwire::ConnectionId;
use raftwire_environment::Environment;

use super::arguments::SendArguments;
use super::{FAILURE, Failure, Output, Style, UNKNOWN, client_of};
use crate::client::protocol::Outcome;

pub(super) async fn run(arguments: SendArguments, environment: Environment) -> Result<(), Failure> {
    let SendArguments {
        connection,
        text,
        node,
    } = arguments;
    let connection: ConnectionId = connection
        .parse()
        .map_err(|error| Failure::usage(format!("\"{connection}\" is no connection: {error}")))?;
    let client = client_of(node, environment).await?;
    let connection = utf8_percent_encode(&connection.to_string(), NON_ALPHANUMERIC).to_string();
    let path = format!("/api/v1/connections/{connection}/messages");
    let outcome: Outcome = client
        .post(&path, "text/plain", Bytes::from(text))
        .await
        .map_err(Failure::new)?;

    let output = Output::stdout();
    let (style, failure) = match outcome.happened.as_str() {
        "yes" => (Style::Good, None),
        "no" => (Style::Bad, Some(FAILURE)),
        _ => (Style::Bad, Some(UNKNOWN)),
    };
    output.line(&output.paint(style, &in_words(&outcome)));
    failure.map_or(Ok(()), |code| Err(Failure::silent(code)))
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
