//! Registrations while answers are lost, leaders fall, and nodes are held dead.

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use raftwire_consensus::{NamePolicy, RaftNode, RegisterError};
use raftwire_protocol::NodeId;
use support::{TestCluster, called, connection, others};
use tokio::time::{sleep, timeout};

const LIST: [&str; 3] = ["a", "b", "c"];

/// How long anything may take that nothing keeps from happening.
const SOON: Duration = Duration::from_secs(5);

async fn take(node: &RaftNode, text: &str, number: u8) -> Result<u64, RegisterError> {
    node.register_name(called(text), connection(number), NamePolicy::TakeOver)
        .await
}

/// The leader, and the two others.
async fn roles(cluster: &TestCluster) -> (NodeId, NodeId, NodeId) {
    let leader = cluster.leader().await;
    let [one, other] = others(&LIST, &leader).try_into().expect("two");
    (leader, one, other)
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_answer_is_lost_is_not_applied_twice() {
    for seed in 1..6 {
        let cluster = TestCluster::ready(seed, &LIST).await;
        let (leader, one, other) = roles(&cluster).await;
        let (at_one, at_other) = (cluster.node(one.as_str()), cluster.node(other.as_str()));
        let mut lost = at_one.lost_names().expect("not taken");
        cluster.network.cut_one_way(&leader, &one);

        let asked = async {
            let epoch = take(&at_one, "x", 1).await;
            (epoch, at_one.lookup(&called("x")).await)
        };
        let meanwhile = async {
            let at_leader = cluster.node(leader.as_str());
            cluster
                .until("registration", SOON, || {
                    at_leader.name(&called("x")).is_some()
                })
                .await;
            let later = take(&at_other, "x", 2).await.expect("registered");
            // It proposes again and again, and is not heard of.
            sleep(Duration::from_millis(1_200)).await;
            cluster.network.heal();
            later
        };
        let ((epoch, found), later) = tokio::join!(asked, meanwhile);

        let epoch = epoch.expect("answered in the end");
        assert!(epoch < later);
        let found = found.expect("a quorum").expect("registered");
        assert_eq!((found.connection, found.epoch), (connection(2), later));
        let loss = lost.recv().await.expect("told");
        assert_eq!((loss.connection, loss.epoch), (connection(1), epoch));
        sleep(SOON).await;
        assert!(lost.try_recv().is_err());
        assert_eq!(at_one.name(&called("x")), Some(found));
    }
}

#[tokio::test(start_paused = true)]
async fn registrations_outlive_the_fall_of_the_leader() {
    for seed in 10..14 {
        let mut cluster = TestCluster::ready(seed, &LIST).await;
        let (leader, one, other) = roles(&cluster).await;
        let nodes = [cluster.node(one.as_str()), cluster.node(other.as_str())];
        let wanted: Vec<(usize, String)> =
            (0..2_000).map(|at| (at % 2, format!("n{at}"))).collect();
        let registered = join_all(wanted.iter().map(|(at, text)| {
            let node = &nodes[*at];
            async move { take(node, text, u8::try_from(*at).expect("small")).await }
        }));

        let (registered, ()) = tokio::join!(registered, async {
            sleep(Duration::from_millis(3)).await;
            cluster.crash(leader.as_str()).await;
        });

        for ((at, text), epoch) in wanted.iter().zip(registered) {
            let epoch = epoch.expect("a quorum is left");
            let found = nodes[1 - at].lookup(&called(text)).await;
            let found = found.expect("a quorum").expect("registered");
            let owner = connection(u8::try_from(*at).expect("small"));
            assert_eq!((found.connection, found.epoch), (owner, epoch), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_nothing_is_registered_and_nothing_is_known() {
    let cluster = TestCluster::ready(20, &LIST).await;
    let (leader, one, other) = roles(&cluster).await;
    cluster
        .network
        .cut(std::slice::from_ref(&one), &[leader, other]);
    let at_one = cluster.node(one.as_str());

    let x = called("x");
    let (registered, found) = tokio::join!(take(&at_one, "x", 1), at_one.lookup(&x));

    assert_eq!(registered, Err(RegisterError::Unavailable));
    assert!(found.is_err());
    assert_eq!(
        take(&at_one, "x", 1).await,
        Err(RegisterError::NotMember),
        "fenced"
    );
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_any_more_is_taken_back() {
    let cluster = TestCluster::ready(30, &LIST).await;
    let (leader, one, other) = roles(&cluster).await;
    let at_one = cluster.node(one.as_str());
    cluster.network.cut_one_way(&leader, &one);
    let given_up = timeout(Duration::from_secs(1), take(&at_one, "x", 1)).await;
    assert!(given_up.is_err());
    let at_other = cluster.node(other.as_str());
    assert!(at_other.name(&called("x")).is_some(), "it happened");

    cluster.network.heal();

    cluster
        .until("end of the name", SOON, || {
            cluster
                .running()
                .all(|(_, node)| node.name(&called("x")).is_none())
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_held_dead_registers_again_under_its_new_incarnation() {
    let cluster = TestCluster::ready(40, &LIST).await;
    let (leader, one, other) = roles(&cluster).await;
    let at_one = cluster.node(one.as_str());
    take(&at_one, "before", 1).await.expect("registered");
    let before = (*at_one.membership().borrow()).expect("a member");
    cluster
        .network
        .cut(std::slice::from_ref(&one), &[leader.clone(), other]);
    let (under_way, ()) = tokio::join!(take(&at_one, "under-way", 1), async {
        let at_leader = cluster.node(leader.as_str());
        let mut states = at_leader.state();
        let died = states.wait_for(|state| state.alive(&one).is_none()).await;
        assert_eq!(died.expect("it runs").name(&called("before")), None);
    });
    assert_eq!(under_way, Err(RegisterError::Unavailable));

    cluster.network.heal();
    cluster
        .until("rejoin", SOON, || {
            let now = *at_one.membership().borrow();
            now.is_some_and(|now| now != before) && cluster.holds_lease(one.as_str())
        })
        .await;

    let again = at_one
        .register_name(called("before"), connection(1), NamePolicy::IfFree)
        .await;
    assert!(again.is_ok(), "{again:?}");
    assert_eq!(at_one.lookup(&called("under-way")).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn more_than_may_wait_are_told_so() {
    let cluster = TestCluster::ready(50, &LIST).await;
    let (leader, one, other) = roles(&cluster).await;
    cluster
        .network
        .cut(std::slice::from_ref(&one), &[leader, other]);
    let at_one = cluster.node(one.as_str());

    let outcomes = join_all((0..40_000).map(|at| {
        let (node, text) = (&at_one, format!("n{at}"));
        async move { take(node, &text, 1).await }
    }))
    .await;

    let is_busy = |outcome: &&Result<u64, RegisterError>| matches!(outcome, Err(RegisterError::Busy { waiting }) if *waiting == 32 * 1024);
    let busy = outcomes.iter().filter(is_busy).count();
    assert!((1..=40_000 - 32 * 1024).contains(&busy), "{busy}");
    assert!(outcomes.iter().all(Result::is_err));
}
