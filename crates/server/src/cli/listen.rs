//! `raftwire listen`

use raftwire_environment::Environment;
use raftwire_protocol::{Frame, FrameKind};

use super::arguments::{ListenArguments, NodeArguments};
use super::{Failure, Output, Style, client_of};
use crate::client::protocol::{ToClient, binary};
use crate::websocket_engine::Received;

pub(super) async fn run(
    arguments: ListenArguments,
    environment: Environment,
) -> Result<(), Failure> {
    let ListenArguments {
        name,
        user,
        path,
        url,
        ca,
    } = arguments;
    let path = with_query(&path, name.as_deref(), user.as_deref());
    let token = None;
    let client = client_of(NodeArguments { url, ca, token }, environment).await?;
    let mut socket = client.open(&path).await.map_err(Failure::new)?;
    let output = Output::stdout();
    while let Some(received) = socket.receive().await {
        match received.map_err(Failure::new)? {
            Received::Message(frame) => tell(&output, &frame),
            Received::Heartbeat => {}
            Received::Close(reason) => {
                let words = reason.map(|reason| format!("{} {}", reason.code, reason.text));
                let words = words.unwrap_or_else(|| "without a reason".to_owned());
                return Err(Failure::new(format!(
                    "the node has closed the connection: {words}"
                )));
            }
        }
    }
    Err(Failure::new("the connection has ended"))
}

fn with_query(path: &str, name: Option<&str>, user: Option<&str>) -> String {
    let claims = [("name", name), ("user", user)];
    let claims = claims
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)));
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(claims)
        .finish();
    match query.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{query}"),
    }
}

/// Messages as they are; what the node itself says, in words.
fn tell(output: &Output, frame: &Frame) {
    if frame.kind() == FrameKind::Binary {
        if let Some((_, payload)) = binary::decode_message(frame.payload().clone()) {
            let text = format!("{} bytes that are no text", payload.len());
            output.line(&output.paint(Style::Dim, &text));
        }
        return;
    }
    match serde_json::from_slice(frame.payload()) {
        Ok(ToClient::Welcome {
            connection, node, ..
        }) => {
            let text = format!("connected to {node} as {connection}");
            output.line(&output.paint(Style::Dim, &text));
        }
        Ok(ToClient::Message { text, .. }) => output.line(&text),
        Ok(_) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_claims_is_escaped() {
        assert_eq!(with_query("/ws", None, None), "/ws");
        assert_eq!(
            with_query("/ws", Some("alice@phone"), Some("a b")),
            "/ws?name=alice%40phone&user=a+b"
        );
    }
}
