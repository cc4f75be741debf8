//! `raftwire status`

use raftwire_environment::Environment;

use super::arguments::StatusArguments;
use super::{Failure, Output, Style, client_of};
use crate::{ClusterReport, NodeReport};

pub(super) async fn run(
    arguments: StatusArguments,
    environment: Environment,
) -> Result<(), Failure> {
    let client = client_of(arguments.node, environment).await?;
    let output = Output::stdout();
    if arguments.json {
        let report: serde_json::Value =
            client.get("/api/v1/cluster").await.map_err(Failure::new)?;
        output.line(&format!("{report:#}"));
        return Ok(());
    }
    let report: ClusterReport = client.get("/api/v1/cluster").await.map_err(Failure::new)?;
    print(&report, &output);
    Ok(())
}

fn print(report: &ClusterReport, output: &Output) {
    for line in lines(report, |style, text| output.paint(style, text)) {
        output.line(&line);
    }
}

fn lines(report: &ClusterReport, paint: impl Fn(Style, &str) -> String) -> Vec<String> {
    let leader = match &report.leader {
        Some(leader) => format!("leader {leader} in term {}", report.term),
        None => format!("no leader in term {}", report.term),
    };
    let mut lines = vec![
        format!(
            "cluster {} as {} sees it",
            paint(Style::Strong, &report.cluster),
            report.node
        ),
        format!(
            "{leader}, log index {}, applied {}",
            report.last_log_index, report.applied_index
        ),
        format!(
            "{} client connections, {} of them here",
            report.connections.cluster, report.connections.local
        ),
    ];
    if !report.ready {
        let why = report.problem.as_deref().unwrap_or("it has no lease");
        let warning = format!("{} is not ready: {why}", report.node);
        lines.push(paint(Style::Bad, &warning));
    }
    lines.push(String::new());
    let width = report
        .nodes
        .iter()
        .map(|node| node.node.len())
        .max()
        .unwrap_or(0);
    lines.extend(report.nodes.iter().map(|node| line_of(node, width, &paint)));
    lines
}

fn line_of(node: &NodeReport, width: usize, paint: &impl Fn(Style, &str) -> String) -> String {
    // Padded before it is painted: a terminal does not show the codes, but format! counts them.
    let state = match (node.alive, node.leader) {
        (true, true) => paint(Style::Good, &format!("{:<7}", "leader")),
        (true, false) => paint(Style::Plain, &format!("{:<7}", "alive")),
        (false, _) => paint(Style::Bad, &format!("{:<7}", "dead")),
    };
    let connections = match (node.alive, node.connections) {
        (true, Some(1)) => "1 connection".to_owned(),
        (true, Some(count)) => format!("{count} connections"),
        (true, None) => "does not answer".to_owned(),
        (false, _) => "-".to_owned(),
    };
    let address = node.address.as_deref().unwrap_or("-");
    format!(
        "  {:<width$}  {state}  {address:<21}  {connections}",
        node.node
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConnectionCounts;

    #[test]
    fn a_report_reads_like_a_table() {
        let node = |name: &str, alive, leader, connections| NodeReport {
            node: name.to_owned(),
            address: Some("127.0.0.1:5000".to_owned()),
            alive,
            leader,
            role: None,
            incarnation: 1,
            connections,
        };
        let report = ClusterReport {
            cluster: "raftwire".to_owned(),
            node: "node1".to_owned(),
            ready: true,
            problem: None,
            leader: Some("node1".to_owned()),
            term: 3,
            last_log_index: 12,
            applied_index: 12,
            connections: ConnectionCounts {
                local: 1,
                cluster: 3,
                unknown: Vec::new(),
            },
            nodes: vec![
                node("node1", true, true, Some(1)),
                node("node22", true, false, Some(2)),
                node("node3", false, false, None),
            ],
        };

        assert_eq!(
            lines(&report, |_, text| text.to_owned()),
            [
                "cluster raftwire as node1 sees it",
                "leader node1 in term 3, log index 12, applied 12",
                "3 client connections, 1 of them here",
                "",
                "  node1   leader   127.0.0.1:5000         1 connection",
                "  node22  alive    127.0.0.1:5000         2 connections",
                "  node3   dead     127.0.0.1:5000         -",
            ]
        );
    }
}
