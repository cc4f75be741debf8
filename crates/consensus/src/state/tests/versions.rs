//! Which versions the cluster speaks, and with whom.

use super::*;

/// A join of a node that speaks these versions.
fn speaking(number: u64, min: u32, max: u32) -> Join {
    Join {
        versions: WireVersions { min, max },
        ..join_of(number, number, number.into(), None)
    }
}

fn raise(state: &mut ClusterState, version: u32) -> Outcome {
    end(state, Command::RaiseWireVersion { version })
}

#[test]
fn the_wire_version_is_raised_once_every_living_member_speaks_it() {
    let mut state = founded();
    join(&mut state, speaking(1, 1, 2)).expect("joins");
    let old = join(&mut state, speaking(2, 1, 1)).expect("joins");
    assert_eq!(state.next_wire_version(), None);
    assert_eq!(raise(&mut state, 2), Outcome::Unchanged);

    end(&mut state, death(2, old.incarnation, 3));
    assert_eq!(state.next_wire_version(), Some(2));
    assert_eq!(raise(&mut state, 3), Outcome::Unchanged);
    assert_eq!(raise(&mut state, 2), Outcome::Changed);

    assert_eq!(state.wire_version, 2);
    assert_eq!(state.next_wire_version(), None);
}

#[test]
fn a_node_that_does_not_speak_the_clusters_version_is_refused_with_the_reason() {
    let mut state = founded();
    join(&mut state, speaking(1, 1, 3)).expect("joins");
    assert_eq!(raise(&mut state, 3), Outcome::Changed);

    let refused = join(&mut state, speaking(2, 1, 2)).expect_err("too old");
    assert_eq!(
        refused,
        JoinRefusal::WireVersion {
            cluster: 3,
            spoken: WireVersions { min: 1, max: 2 }
        }
    );
    assert!(refused.to_string().contains("version 3"), "{refused}");
    let too_new = join(&mut state, speaking(3, 4, 5)).expect_err("too new");
    assert!(too_new.to_string().contains("4 to 5"), "{too_new}");
    join(&mut state, speaking(4, 2, 4)).expect("speaks it");
}
