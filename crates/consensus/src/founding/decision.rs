//! Who founds, who joins, who waits. Pure.

use std::fmt::Write as _;

use raftwire_protocol::NodeId;

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) node: NodeId,
    pub(super) raft_id: u64,
    /// Normalised: sorted, each once, with the node itself.
    pub(super) founding: Vec<NodeId>,
    pub(super) ephemeral: bool,
    /// Whether it takes no seat.
    pub(super) edge: bool,
    /// Whether its log never had anything in it.
    pub(super) blank: bool,
    /// The founding list of the cluster that it knows, if it knows one.
    pub(super) cluster: Option<Vec<NodeId>>,
}

/// What follows from a round of greetings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// There is a cluster, founded with this list.
    Join { founded_with: Vec<NodeId> },
    /// This node founds, with these voters.
    Found(Vec<(u64, NodeId)>),
    /// Not yet.
    Wait {
        /// What the operator has to mend, if it is that.
        problem: Option<String>,
    },
}

/// How many of a founding list vote: an even number of voters survives no more losses than the odd
/// number below it, and more than five only cost writes.
pub(crate) fn voter_count(listed: usize) -> usize {
    match listed {
        0..=3 => listed,
        4 => 3,
        _ => 5,
    }
}

pub(super) fn decide(me: &Heard, heard: &[Heard]) -> Decision {
    if let Some(founded_with) = heard.iter().find_map(|peer| peer.cluster.clone()) {
        return Decision::Join { founded_with };
    }
    if let Some(problem) = disagreement(me, heard) {
        return Decision::Wait {
            problem: Some(problem),
        };
    }
    if me.founding.first() != Some(&me.node) || !me.blank {
        return Decision::Wait { problem: None };
    }
    let voters = me
        .founding
        .get(..voter_count(me.founding.len()))
        .unwrap_or(&me.founding);
    let mut seats = Vec::with_capacity(voters.len());
    for voter in voters {
        let Some(known) = std::iter::once(me)
            .chain(heard)
            .find(|known| known.node == *voter)
        else {
            return Decision::Wait { problem: None };
        };
        if !known.blank {
            return Decision::Wait {
                problem: Some(interrupted(&known.node)),
            };
        }
        seats.push((known.raft_id, known.node.clone()));
    }
    Decision::Found(seats)
}

/// What the operator has to mend before a founding can be right.
fn disagreement(me: &Heard, heard: &[Heard]) -> Option<String> {
    for peer in heard {
        // An edge founds nothing: its list says only whom it speaks to.
        if let Some(difference) = list_difference(&me.founding, &peer.founding)
            && !peer.edge
            && !me.edge
        {
            return Some(format!(
                "{} has another list of nodes, so no cluster is founded: {difference}",
                peer.node
            ));
        }
    }
    // The lists are the same from here on, and so are the voters.
    let voters = me
        .founding
        .get(..voter_count(me.founding.len()))
        .unwrap_or(&me.founding);
    let votes = |node: &Heard| voters.contains(&node.node);
    let voting: Vec<&Heard> = std::iter::once(me)
        .chain(heard)
        .filter(|node| votes(node))
        .collect();
    if let Some(edge) = voting.iter().find(|node| node.edge) {
        return Some(format!(
            "{} is an edge (seat = \"edge\") and would have to vote, as one of the first of the list of \
             nodes: take it off the lists of the others, or set seat = \"auto\"",
            edge.node
        ));
    }
    let ephemeral = voting.iter().find(|node| node.ephemeral)?;
    let durable = voting.iter().find(|node| !node.ephemeral)?;
    Some(format!(
        "{} is ephemeral and {} is not: either all voters keep their log in memory or none",
        ephemeral.node, durable.node
    ))
}

fn interrupted(node: &NodeId) -> String {
    format!(
        "{node} belongs to a founding that this node's data knows nothing of; if this node's data \
         was lost, the nodes that have no cluster yet must start with empty data folders"
    )
}

/// How `theirs` differs from `ours`, in words; none if it does not.
pub(super) fn list_difference(ours: &[NodeId], theirs: &[NodeId]) -> Option<String> {
    let names = |list: &[NodeId], other: &[NodeId]| {
        let only: Vec<&str> = list
            .iter()
            .filter(|node| !other.contains(node))
            .map(NodeId::as_str)
            .collect();
        only.join(", ")
    };
    let (only_ours, only_theirs) = (names(ours, theirs), names(theirs, ours));
    if only_ours.is_empty() && only_theirs.is_empty() {
        return None;
    }
    let mut text = String::new();
    if !only_ours.is_empty() {
        // Writing to a string does not fail.
        let _ = write!(text, "only here: {only_ours}");
    }
    if !only_theirs.is_empty() {
        let separator = if text.is_empty() { "" } else { "; " };
        let _ = write!(text, "{separator}only there: {only_theirs}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<NodeId> {
        list.iter()
            .map(|name| name.parse().expect("valid"))
            .collect()
    }

    fn blank(name: &str, raft_id: u64, list: &[&str]) -> Heard {
        Heard {
            node: name.parse().expect("valid"),
            raft_id,
            founding: names(list),
            ephemeral: false,
            edge: false,
            blank: true,
            cluster: None,
        }
    }

    fn problem(decision: Decision) -> String {
        match decision {
            Decision::Wait {
                problem: Some(problem),
            } => problem,
            other => panic!("expected a problem, not {other:?}"),
        }
    }

    #[test]
    fn one_node_alone_founds() {
        let me = blank("a", 1, &["a"]);

        assert_eq!(
            decide(&me, &[]),
            Decision::Found(vec![(1, me.node.clone())])
        );
    }

    #[test]
    fn the_smallest_name_founds_once_all_voters_are_heard() {
        let list = ["a", "b", "c"];
        let (a, b, c) = (
            blank("a", 1, &list),
            blank("b", 2, &list),
            blank("c", 3, &list),
        );

        assert_eq!(
            decide(&a, std::slice::from_ref(&b)),
            Decision::Wait { problem: None }
        );
        assert_eq!(
            decide(&b, &[a.clone(), c.clone()]),
            Decision::Wait { problem: None }
        );
        let Decision::Found(seats) = decide(&a, &[b, c]) else {
            panic!("founds")
        };
        assert_eq!(seats.len(), 3);
    }

    #[test]
    fn spare_nodes_need_not_be_heard() {
        let list = ["a", "b", "c", "d"];
        let heard = [blank("b", 2, &list), blank("c", 3, &list)];

        let Decision::Found(seats) = decide(&blank("a", 1, &list), &heard) else {
            panic!("founds")
        };
        assert_eq!(seats.len(), 3);
    }

    #[test]
    fn one_two_three_or_five_vote() {
        let counts: Vec<usize> = (1..=8).map(voter_count).collect();

        assert_eq!(counts, [1, 2, 3, 3, 5, 5, 5, 5]);
    }

    #[test]
    fn whoever_hears_of_a_cluster_joins_it() {
        let list = ["a", "b"];
        let mut b = blank("b", 2, &list);
        b.blank = false;
        b.cluster = Some(names(&list));

        assert_eq!(
            decide(&blank("a", 1, &list), &[b]),
            Decision::Join {
                founded_with: names(&list)
            }
        );
    }

    #[test]
    fn lists_that_differ_are_refused_with_the_difference() {
        let a = blank("a", 1, &["a", "b", "c"]);
        let b = blank("b", 2, &["a", "b", "d"]);

        let problem = problem(decide(&a, &[b]));

        assert!(problem.contains("only here: c; only there: d"), "{problem}");
    }

    #[test]
    fn voters_are_all_ephemeral_or_none_is() {
        let list = ["a", "b", "c"];
        let mut b = blank("b", 2, &list);
        b.ephemeral = true;

        let problem = problem(decide(&blank("a", 1, &list), &[b, blank("c", 3, &list)]));

        assert!(problem.contains("b is ephemeral and a is not"), "{problem}");
    }

    #[test]
    fn a_spare_node_may_be_ephemeral() {
        let list = ["a", "b", "c", "d"];
        let mut d = blank("d", 4, &list);
        d.ephemeral = true;
        let heard = [blank("b", 2, &list), blank("c", 3, &list), d];

        assert!(matches!(
            decide(&blank("a", 1, &list), &heard),
            Decision::Found(_)
        ));
    }

    #[test]
    fn a_node_with_data_founds_nothing() {
        let mut a = blank("a", 1, &["a"]);
        a.blank = false;

        assert_eq!(decide(&a, &[]), Decision::Wait { problem: None });
    }

    #[test]
    fn a_voter_that_is_not_blank_keeps_the_founder_from_founding_again() {
        let list = ["a", "b"];
        let mut b = blank("b", 2, &list);
        b.blank = false;

        let problem = problem(decide(&blank("a", 1, &list), &[b]));

        assert!(problem.contains("b belongs to a founding"), "{problem}");
    }
}
