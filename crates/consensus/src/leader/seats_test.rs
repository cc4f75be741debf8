use raftwire_protocol::{Incarnation, RaftId, Session};

use super::*;
use crate::command::{Command, Found, Join};
use crate::state::WireVersions;
use crate::type_config::CommittedLeaderId;

/// A cluster to decide about: members n1, n2, … with the Raft ids 11, 12, …
struct Cluster {
    state: ClusterState,
    /// (Raft id, node number).
    seats: Vec<(u64, u64)>,
    voters: Vec<u64>,
    matching: BTreeMap<u64, u64>,
    lapsed: Vec<NodeId>,
    leader: u64,
}

fn node(number: u64) -> NodeId {
    format!("n{number}").parse().expect("valid")
}

#[derive(Clone, Copy, Default)]
struct Kind {
    ephemeral: bool,
    edge: bool,
}

const EDGE: Kind = Kind {
    ephemeral: false,
    edge: true,
};

const EPHEMERAL: Kind = Kind {
    ephemeral: true,
    edge: false,
};

impl Cluster {
    /// So many founders vote, and n1 leads.
    fn of(founders: u64) -> Cluster {
        Cluster::founded(founders, founders)
    }

    /// So many founders vote, and the first of them have joined.
    fn founded(founders: u64, joined: u64) -> Cluster {
        let mut cluster = Cluster {
            state: ClusterState::default(),
            seats: (1..=founders).map(|number| (10 + number, number)).collect(),
            voters: (1..=founders).map(|number| 10 + number).collect(),
            matching: BTreeMap::new(),
            lapsed: Vec::new(),
            leader: 11,
        };
        cluster.apply(&Command::Found(Found {
            cluster_id: 1,
            lease_ms: 5_000,
            founding: (1..=founders).map(node).collect(),
            ephemeral: false,
            names_max: crate::state::NAMES_MAX_DEFAULT,
        }));
        for number in 1..=joined {
            cluster = cluster.with(number, Kind::default());
        }
        cluster
    }

    fn apply(&mut self, command: &Command) {
        let index = self.state.applied_index + 1;
        self.state.apply(1, index, Some(command)).expect("known");
    }

    /// A member without a seat; one of the same name gets other data.
    fn with(mut self, number: u64, kind: Kind) -> Cluster {
        let former = self.state.members.get(&node(number)).cloned();
        let raft_id = former
            .as_ref()
            .map_or(10, |row| row.raft_id.get() - number + 10)
            + number;
        if let Some(former) = &former {
            self = self.without(number, former.incarnation);
        }
        self.apply(&Command::Join(Join {
            node: node(number),
            raft_id: RaftId::new(raft_id),
            session: Session::new(u128::from(raft_id)),
            expected: former.map(|row| row.incarnation),
            address: None,
            ephemeral: kind.ephemeral,
            edge: kind.edge,
            versions: WireVersions::CURRENT,
            cluster: None,
        }));
        self
    }

    fn without(mut self, number: u64, incarnation: Incarnation) -> Cluster {
        self.apply(&Command::Leave {
            node: node(number),
            incarnation,
        });
        self
    }

    fn dead(self, number: u64) -> Cluster {
        let incarnation = self.state.members[&node(number)].incarnation;
        self.without(number, incarnation)
    }

    fn lapsed(mut self, number: u64) -> Cluster {
        self = self.dead(number);
        self.lapsed.push(node(number));
        self
    }

    fn removed(mut self, number: u64) -> Cluster {
        self = self.dead(number);
        let incarnation = self.state.members[&node(number)].incarnation;
        self.apply(&Command::Remove {
            node: node(number),
            incarnation,
        });
        self
    }

    /// A learner that has caught up.
    fn spare(self, number: u64) -> Cluster {
        self.with(number, Kind::default()).seated(number, 1_000)
    }

    fn seated(mut self, number: u64, matching: u64) -> Cluster {
        let raft_id = self.state.members[&node(number)].raft_id.get();
        self.seats.push((raft_id, number));
        self.matching.insert(raft_id, matching);
        self
    }

    fn next(&self) -> Option<SeatChange> {
        let seats: BTreeMap<u64, Seat> = self
            .seats
            .iter()
            .map(|(raft_id, number)| (*raft_id, seat(&node(*number))))
            .collect();
        let voters = self.voters.iter().copied().collect();
        let membership = Membership::new(vec![voters], seats).expect("every voter has a seat");
        let replication = self.matching.iter().map(|(raft_id, index)| {
            let log_id = LogId {
                leader_id: CommittedLeaderId::new(1),
                index: *index,
            };
            (*raft_id, Some(log_id))
        });
        next_change(&Standing {
            state: &self.state,
            membership: &membership,
            replication: Some(&replication.collect()),
            last_log_index: 1_000,
            lapsed: self.lapsed.clone(),
            leader: self.leader,
        })
    }
}

fn votes(of: &[u64]) -> Option<SeatChange> {
    Some(SeatChange::Change {
        members: ChangeMembers::ReplaceAllVoters(of.iter().copied().collect()),
        retain: false,
    })
}

fn unseated(raft_id: u64) -> Option<SeatChange> {
    Some(SeatChange::Change {
        members: ChangeMembers::RemoveNodes(BTreeSet::from([raft_id])),
        retain: false,
    })
}

fn seated(raft_id: u64, number: u64) -> Option<SeatChange> {
    Some(SeatChange::AddLearner(raft_id, seat(&node(number))))
}

#[test]
fn a_membership_that_fits_stays_as_it_is() {
    assert_eq!(Cluster::of(3).next(), None);
    assert_eq!(Cluster::of(3).spare(4).spare(5).next(), None);
}

#[test]
fn two_more_members_stand_by_and_the_rest_are_edges() {
    let cluster = Cluster::of(3).with(4, Kind::default());
    assert_eq!(cluster.next(), seated(14, 4));

    let cluster = cluster.seated(4, 0).with(5, Kind::default());
    assert_eq!(cluster.next(), seated(15, 5));

    let cluster = cluster.seated(5, 0).with(6, Kind::default());
    assert_eq!(cluster.next(), None);
}

#[test]
fn a_new_member_displaces_no_spare() {
    let cluster = Cluster::of(3).spare(8).spare(9).with(4, Kind::default());

    assert_eq!(cluster.next(), None);
}

#[test]
fn a_dead_spare_makes_room_once_its_time_has_passed() {
    let cluster = Cluster::of(3).spare(4).spare(5).with(6, Kind::default());

    assert_eq!(cluster.dead(5).next(), None);

    let cluster = Cluster::of(3).spare(4).spare(5).with(6, Kind::default());
    assert_eq!(cluster.lapsed(5).next(), unseated(15));
}

#[test]
fn seats_that_are_too_many_are_taken_away_the_last_first() {
    let cluster = Cluster::of(3).spare(4).spare(5).spare(6);
    assert_eq!(cluster.next(), unseated(16));

    let cluster = Cluster::of(3).spare(4).spare(5).spare(6).dead(4);
    assert_eq!(cluster.next(), unseated(14));
}

#[test]
fn who_is_told_to_be_an_edge_or_keeps_nothing_gets_no_seat() {
    let cluster = Cluster::of(3).with(4, EDGE).with(5, EPHEMERAL);
    assert_eq!(cluster.next(), None);

    let cluster = Cluster::of(3).with(4, EDGE).seated(4, 1_000);
    assert_eq!(cluster.next(), unseated(14));
}

#[test]
fn an_ephemeral_cluster_has_ephemeral_spares() {
    let mut cluster = Cluster::of(3).with(4, EPHEMERAL);
    cluster.state.ephemeral = true;

    assert_eq!(cluster.next(), seated(14, 4));
}

#[test]
fn a_wiped_voter_votes_again_once_it_has_caught_up() {
    let cluster = Cluster::of(3).with(2, Kind::default());
    assert_eq!(cluster.next(), seated(22, 2));

    let cluster = cluster.seated(2, 10);
    assert_eq!(cluster.next(), None);

    let cluster = Cluster::of(3).with(2, Kind::default()).seated(2, 950);
    assert_eq!(cluster.next(), votes(&[11, 13, 22]));
}

#[test]
fn a_wiped_voter_gets_the_log_though_there_are_spares_enough() {
    let cluster = Cluster::of(3).spare(4).spare(5).with(2, Kind::default());

    assert_eq!(cluster.next(), seated(22, 2));
}

#[test]
fn an_ephemeral_node_takes_over_no_vote_of_durable_ones() {
    let cluster = Cluster::of(3).with(2, EPHEMERAL);
    assert_eq!(cluster.next(), None);

    // Its seat is one that it may not have.
    let cluster = cluster.seated(2, 1_000);
    assert_eq!(cluster.next(), unseated(22));
}

#[test]
fn a_voter_that_has_been_dead_for_long_is_replaced_by_a_spare() {
    assert_eq!(Cluster::of(3).spare(4).dead(2).next(), None);
    assert_eq!(Cluster::of(3).lapsed(2).next(), None, "nobody stands by");

    let cluster = Cluster::of(3).spare(4).lapsed(2);
    assert_eq!(cluster.next(), votes(&[11, 13, 14]));
}

#[test]
fn who_has_not_caught_up_replaces_nobody() {
    let cluster = Cluster::of(3)
        .with(4, Kind::default())
        .seated(4, 800)
        .lapsed(2);

    assert_eq!(cluster.next(), None);
}

#[test]
fn a_removed_voter_is_replaced_at_once_or_leaves_a_smaller_cluster() {
    assert_eq!(
        Cluster::of(3).spare(4).removed(3).next(),
        votes(&[11, 12, 14])
    );
    assert_eq!(Cluster::of(3).removed(3).next(), votes(&[11, 12]));
}

#[test]
fn a_founder_that_has_not_joined_yet_keeps_its_vote_until_it_has_been_away_for_long() {
    assert_eq!(Cluster::founded(3, 0).next(), None);
    assert_eq!(Cluster::founded(3, 1).next(), None);

    let mut cluster = Cluster::founded(3, 2).spare(4);
    assert_eq!(cluster.next(), None);
    cluster.lapsed.push(node(3));
    assert_eq!(cluster.next(), votes(&[11, 12, 14]));

    let mut cluster = Cluster::founded(3, 2);
    cluster.lapsed.push(node(3));
    assert_eq!(cluster.next(), votes(&[11, 12]));
}

#[test]
fn four_never_vote() {
    assert_eq!(Cluster::of(5).removed(5).next(), votes(&[11, 12, 13]));
    assert_eq!(
        Cluster::of(5).dead(2).removed(5).next(),
        votes(&[11, 13, 14])
    );

    // Nor do they when one spare stands by where two votes lack.
    let mut cluster = Cluster::of(5).spare(6);
    cluster.voters.truncate(3);
    cluster
        .seats
        .retain(|(raft_id, _)| ![14, 15].contains(raft_id));
    cluster = cluster.lapsed(4).lapsed(5);
    assert_eq!(cluster.next(), None);

    let cluster = cluster.spare(7);
    assert_eq!(cluster.next(), votes(&[11, 12, 13, 16, 17]));
}

#[test]
fn spares_get_votes_while_voters_lack() {
    let mut cluster = Cluster::of(3).removed(3).spare(4);
    cluster.voters.truncate(2);
    cluster.seats.retain(|(raft_id, _)| *raft_id != 13);
    assert_eq!(cluster.next(), votes(&[11, 12, 14]));
}

#[test]
fn one_voter_of_three_waits_for_two_others() {
    let alone = || {
        let mut cluster = Cluster::of(3);
        cluster.voters.truncate(1);
        cluster.seats.truncate(1);
        cluster.lapsed(2).lapsed(3)
    };

    assert_eq!(alone().spare(4).next(), None);
    assert_eq!(alone().spare(4).spare(5).next(), votes(&[11, 14, 15]));
}

#[test]
fn a_voter_that_was_told_to_be_an_edge_gives_up_its_vote_to_a_spare() {
    let mut cluster = Cluster::of(3).spare(4);
    if let Some(member) = cluster.state.members.get_mut(&node(2)) {
        member.edge = true;
    }
    assert_eq!(cluster.next(), votes(&[11, 13, 14]));

    cluster.leader = 12;
    assert_eq!(cluster.next(), None, "not while it leads");
}

#[test]
fn a_change_that_a_fallen_leader_left_is_finished_first() {
    let cluster = Cluster::of(3).spare(4).lapsed(2);
    let seats = (1..=4)
        .map(|number| (10 + number, seat(&node(number))))
        .collect();
    let configs = vec![BTreeSet::from([11, 12, 13]), BTreeSet::from([11, 13, 14])];
    let membership: Membership =
        Membership::new(configs, BTreeMap::clone(&seats)).expect("every voter has a seat");

    let change = next_change(&Standing {
        state: &cluster.state,
        membership: &membership,
        replication: None,
        last_log_index: 1_000,
        lapsed: Vec::new(),
        leader: 11,
    });

    let finished = SeatChange::Change {
        members: ChangeMembers::AddVoterIds(BTreeSet::new()),
        retain: false,
    };
    assert_eq!(change, Some(finished));
}
