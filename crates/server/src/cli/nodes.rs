//! `raftwire nodes`

use raftwire_environment::Environment;

use super::arguments::NodesArguments;
use super::{Failure, Output, Style, client_of};
use crate::{ClusterReport, NodeReport};

const HEAD: [&str; 6] = [
    "NODE",
    "ADDRESS",
    "ALIVE",
    "ROLE",
    "INCARNATION",
    "CONNECTIONS",
];

pub(super) async fn run(
    arguments: NodesArguments,
    environment: Environment,
) -> Result<(), Failure> {
    let NodesArguments { node, json } = arguments;
    let client = client_of(node, environment).await?;
    let report: ClusterReport = client.get("/api/v1/cluster").await.map_err(Failure::new)?;
    let output = Output::stdout();
    if json {
        let nodes = serde_json::to_value(&report.nodes).map_err(Failure::new)?;
        output.line(&format!("{nodes:#}"));
        return Ok(());
    }
    let mut lines = table(&report.nodes).into_iter();
    if let Some(head) = lines.next() {
        output.line(&output.paint(Style::Dim, &head));
    }
    for (line, node) in lines.zip(&report.nodes) {
        let style = if node.alive { Style::Plain } else { Style::Bad };
        output.line(&output.paint(style, &line));
    }
    Ok(())
}

/// A head, and a line for each node.
fn table(nodes: &[NodeReport]) -> Vec<String> {
    let head = HEAD.map(str::to_owned);
    let rows: Vec<_> = [head].into_iter().chain(nodes.iter().map(row)).collect();
    let widths: [usize; HEAD.len()] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let line = |row: &[String; HEAD.len()]| {
        let cells = row.iter().zip(widths);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn row(node: &NodeReport) -> [String; HEAD.len()] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        node.node.clone(),
        or_dash(node.address.clone()),
        if node.alive { "yes" } else { "no" }.to_owned(),
        or_dash(node.role.clone()),
        node.incarnation.to_string(),
        or_dash(node.connections.map(|count| count.to_string())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let node = |name: &str, alive: bool, role: Option<&str>, connections| NodeReport {
            node: name.to_owned(),
            address: alive.then(|| "127.0.0.1:5000".to_owned()),
            alive,
            leader: role == Some("leader"),
            role: role.map(str::to_owned),
            incarnation: 12,
            connections,
        };
        let nodes = [
            node("node1", true, Some("leader"), Some(7)),
            node("a-long-name", false, None, None),
        ];
        assert_eq!(
            table(&nodes),
            [
                "NODE         ADDRESS         ALIVE  ROLE    INCARNATION  CONNECTIONS",
                "node1        127.0.0.1:5000  yes    leader  12           7",
                "a-long-name  -               no     -       12           -",
            ]
        );
    }
}
