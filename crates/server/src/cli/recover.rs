//! `raftwire recover`

use raftwire::{NodeId, Recovery};
use raftwire_environment::Environment;

use super::arguments::RecoverArguments;
use super::{FAILURE, Failure, Output};

pub(super) async fn run(
    arguments: RecoverArguments,
    environment: Environment,
) -> Result<(), Failure> {
    let output = Output::stdout();
    let recovery = Recovery::open(environment, &arguments.data_dir)
        .await
        .map_err(Failure::new)?;
    for line in warning(&Findings::of(&recovery)) {
        output.line(&line);
    }
    if !arguments.yes {
        output.line("");
        output.line("Nothing was changed. Give --yes to do it.");
        return Err(Failure::silent(FAILURE));
    }
    let cluster_id = recovery.found_new_cluster().await.map_err(Failure::new)?;
    output.line("");
    output.line(&format!(
        "Done: the data is of the new cluster {cluster_id:032x}. Start the node."
    ));
    Ok(())
}

/// What the folder says.
struct Findings {
    node: NodeId,
    cluster_id: u128,
    last_index: u64,
    committed_index: u64,
    voters: Vec<NodeId>,
    living: Vec<NodeId>,
}

impl Findings {
    fn of(recovery: &Recovery) -> Findings {
        Findings {
            node: recovery.node().clone(),
            cluster_id: recovery.cluster_id().unwrap_or(0),
            last_index: recovery.last_index(),
            committed_index: recovery.committed_index(),
            voters: recovery.voters().to_vec(),
            living: recovery.living_members(),
        }
    }
}

fn warning(findings: &Findings) -> Vec<String> {
    let Findings {
        node,
        cluster_id,
        last_index,
        committed_index,
        voters,
        living,
    } = findings;
    let mut lines = vec![
        format!("{node} becomes the only voter of a new cluster, made of its data of cluster"),
        format!("{cluster_id:032x}, in which {} voted.", list(voters)),
        String::new(),
        format!(
            "Lost is what the old cluster committed after index {last_index}, where this log ends:"
        ),
        "registrations of names, joins, deaths and removals. Nobody can tell how much that was."
            .to_owned(),
    ];
    if committed_index < last_index {
        lines.push(format!(
            "Kept are the entries {} to {last_index}, which this node did not know to be committed: the old",
            committed_index + 1
        ));
        lines.push("cluster may have committed others in their place.".to_owned());
    }
    let others: Vec<NodeId> = living
        .iter()
        .filter(|name| *name != node)
        .cloned()
        .collect();
    if !others.is_empty() {
        lines.push(format!("Dead to the new cluster are {}.", list(&others)));
    }
    lines.push(String::new());
    lines.push(
        "Do this only if the majority of the voters is gone for good. If they come back they are a"
            .to_owned(),
    );
    lines.push(
        "cluster of their own, and whoever has data of it is refused. Of several nodes that are left,"
            .to_owned(),
    );
    lines.push(
        "recover the one whose log ends last, and start all others with empty data folders."
            .to_owned(),
    );
    lines
}

fn list(nodes: &[NodeId]) -> String {
    let names: Vec<&str> = nodes.iter().map(NodeId::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(committed_index: u64) -> String {
        let nodes = |names: [&str; 3]| names.map(|name| name.parse().expect("valid")).to_vec();
        warning(&Findings {
            node: "node1".parse().expect("valid"),
            cluster_id: 7,
            last_index: 120,
            committed_index,
            voters: nodes(["node1", "node2", "node3"]),
            living: nodes(["node1", "node3", "node4"]),
        })
        .join("\n")
    }

    #[test]
    fn the_warning_says_what_may_be_lost_and_what_may_be_wrongly_kept() {
        let warning = findings(118);

        assert!(warning.contains("committed after index 120"), "{warning}");
        assert!(warning.contains("entries 119 to 120"), "{warning}");
        assert!(warning.contains("node1, node2, node3 voted"), "{warning}");
        assert!(
            warning.contains("Dead to the new cluster are node3, node4."),
            "{warning}"
        );
        assert!(!findings(120).contains("Kept"));
    }
}
