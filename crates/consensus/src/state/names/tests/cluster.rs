//! A state with members, to which commands are applied one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use raftwire_protocol::{Incarnation, MintedId, Name, NodeId, RaftId, Session};

use crate::command::{
    Command, Found, Join, NameOperation, NamePolicy, NameResult, NamesAnswer, NamesBatch, Outcome,
};
use crate::state::ClusterState;
use crate::state::names::NameRow;

/// A cluster of nodes n1, n2, … with these incarnations.
pub(super) struct Cluster {
    pub(super) state: ClusterState,
    pub(super) numbers: BTreeMap<u64, u64>,
}

impl Cluster {
    pub(super) fn of(nodes: u64, names_max: u64) -> Cluster {
        let mut cluster = Cluster {
            state: ClusterState::default(),
            numbers: BTreeMap::new(),
        };
        cluster.apply(Command::Found(Found {
            cluster_id: 77,
            lease_ms: 5_000,
            founding: Vec::new(),
            ephemeral: false,
            names_max,
        }));
        for number in 1..=nodes {
            cluster.join(number);
        }
        cluster
    }

    pub(super) fn apply(&mut self, command: Command) -> Outcome {
        let index = self.state.applied_index + 1;
        self.state.apply(1, index, Some(&command)).expect("known")
    }

    pub(super) fn join(&mut self, number: u64) {
        let present = self.state.members.get(&node(number));
        let join = Join {
            node: node(number),
            raft_id: RaftId::new(number),
            session: Session::new(u128::from(self.state.applied_index)),
            expected: present.map(|row| row.incarnation),
            address: None,
            ephemeral: false,
            edge: false,
            versions: crate::state::WireVersions::CURRENT,
            cluster: None,
        };
        assert!(matches!(
            self.apply(Command::Join(join)),
            Outcome::Joined(_)
        ));
        self.numbers.insert(number, 0);
    }

    pub(super) fn incarnation(&self, number: u64) -> Incarnation {
        self.state.members[&node(number)].incarnation
    }

    pub(super) fn die(&mut self, number: u64) {
        let incarnation = self.incarnation(number);
        let node = node(number);
        self.apply(Command::Leave { node, incarnation });
    }

    pub(super) fn batch(&mut self, number: u64, operations: Vec<NameOperation>) -> NamesBatch {
        let last = self.numbers.entry(number).or_default();
        *last += 1;
        NamesBatch {
            node: node(number),
            incarnation: self.state.members[&node(number)].incarnation,
            number: *last,
            acknowledged_lost: 0,
            operations,
        }
    }

    pub(super) fn answer(
        &mut self,
        number: u64,
        operations: Vec<NameOperation>,
    ) -> Arc<NamesAnswer> {
        let batch = self.batch(number, operations);
        match self.apply(Command::Names(batch)) {
            Outcome::Names(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn one(&mut self, number: u64, operation: NameOperation) -> NameResult {
        self.answer(number, vec![operation]).results[0].clone()
    }

    pub(super) fn lost(&self, number: u64, after: u64) -> Vec<(u64, String, MintedId, u64)> {
        self.state
            .lost_names(self.incarnation(number), after)
            .map(|(index, lost)| {
                let name = lost.name.as_str().to_owned();
                (index, name, lost.connection, lost.epoch)
            })
            .collect()
    }

    pub(super) fn name(&self, text: &str) -> Option<NameRow> {
        self.state.name(&called(text))
    }
}

pub(super) fn acknowledge(cluster: &mut Cluster, number: u64, upto: u64) {
    if cluster.state.members[&node(number)].is_alive() {
        let mut batch = cluster.batch(number, Vec::new());
        batch.acknowledged_lost = upto;
        cluster.apply(Command::Names(batch));
    }
}

pub(super) fn node(number: u64) -> NodeId {
    format!("n{number}").parse().expect("valid")
}

pub(super) fn called(text: &str) -> Name {
    text.parse().expect("valid")
}

pub(super) fn connection(number: u8) -> MintedId {
    MintedId::from_bytes([number; 16])
}

pub(super) fn take_over(name: &str, number: u8) -> NameOperation {
    NameOperation::Register {
        name: called(name),
        connection: connection(number),
        policy: NamePolicy::TakeOver,
    }
}

pub(super) fn if_free(name: &str, number: u8) -> NameOperation {
    NameOperation::Register {
        name: called(name),
        connection: connection(number),
        policy: NamePolicy::IfFree,
    }
}

pub(super) fn unregister(name: &str, epoch: u64) -> NameOperation {
    NameOperation::Unregister {
        name: called(name),
        epoch,
    }
}
