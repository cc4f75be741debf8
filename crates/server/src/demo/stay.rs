//! `--stay`: the cluster goes on, to try.

use std::sync::Arc;

use super::acts::Acts;
use super::client::DemoClient;
use super::nodes::{NAMES, NODES, Nodes};
use super::{DemoError, Narrator};
use crate::cli::Style;
use crate::client::protocol::SUBPROTOCOL;

/// Keeps the cluster and one listening client on each node until `stop`.
pub(super) async fn until(
    stop: impl Future<Output = ()>,
    acts: &Acts,
    nodes: &Nodes,
    narrator: &Narrator,
) -> Result<(), DemoError> {
    let mut listeners = Vec::with_capacity(NODES);
    for (node, name) in NAMES.into_iter().enumerate() {
        let narrator = narrator.clone();
        let on_message = Arc::new(move |sequence: u64, text: &str| {
            let text = format!("the client of {name} received message {sequence}: {text}");
            narrator.tell(Style::Good, &text);
        });
        listeners.push(acts.listen(nodes, node, on_message).await?);
    }
    explain(&listeners, nodes, narrator);
    stop.await;
    narrator.tell(Style::Plain, "the nodes stop");
    Ok(())
}

fn explain(listeners: &[DemoClient], nodes: &Nodes, narrator: &Narrator) {
    let (first, last) = (&listeners[0], &listeners[NODES - 1]);
    narrator.plain(Style::Plain, "");
    narrator.plain(
        Style::Strong,
        "The cluster keeps running until Ctrl-C. To try, from another terminal:",
    );
    narrator.plain(
        Style::Plain,
        &format!("  raftwire status --url {}", nodes.url(0)),
    );
    narrator.plain(
        Style::Plain,
        &format!(
            "  raftwire send --url {} '{}' hello",
            nodes.url(first.node),
            last.id
        ),
    );
    narrator.plain(
        Style::Plain,
        &format!(
            "      (to a client of {}, asked of {})",
            NAMES[last.node], NAMES[first.node]
        ),
    );
    for (node, name) in NAMES.into_iter().enumerate() {
        let port = nodes.port(node);
        let text = format!("  {name}  ws://127.0.0.1:{port}/ws  subprotocol {SUBPROTOCOL}");
        narrator.plain(Style::Plain, &text);
    }
    narrator.plain(Style::Plain, "");
}
