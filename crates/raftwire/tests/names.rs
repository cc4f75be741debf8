//! Names: registered, found, taken over, given up.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use raftwire::{
    CloseCode, ConnectionId, ConnectionInfo, ConnectionProvider, Environment, Frame, FullQueue,
    Name, NamePolicy, NamedConnectionError, RegisterNameError, RouteOptions, RouteOutcome,
    Undeliverable,
};
use raftwire_transport::memory::LinkProfile;
use support::{Cluster, accept, accept_named, closed, eventually, receive};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn named(text: &str) -> ConnectionId {
    ConnectionId::Named(name(text))
}

#[tokio::test(start_paused = true)]
async fn a_named_connection_is_reached_from_every_node_by_its_name_and_by_its_own_id() {
    let cluster = Cluster::start(3).await;
    let (minted, mut outbox) = accept(&cluster.nodes[0]);

    let alice = cluster.nodes[0]
        .register_name(&minted, name("alice"), NamePolicy::TakeOver)
        .await
        .expect("registered");

    assert_eq!(alice, named("alice"));
    for node in &cluster.nodes {
        for id in [&alice, &minted] {
            let outcome = node.router().route(id, "hello").await;
            assert_eq!(outcome, RouteOutcome::Delivered);
        }
    }
    assert_eq!(receive(&mut outbox).await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn every_way_of_sending_takes_names() {
    let cluster = Cluster::start(3).await;
    let (alice, mut outbox) = accept_named(&cluster.nodes[0], "alice").await;
    let router = cluster.nodes[1].router();

    let written = RouteOptions::default().acknowledgement(raftwire::Acknowledgement::Written);
    let reading = Environment::real().spawn("reading", async move {
        let mut frames = Vec::new();
        while frames.len() < 5 {
            frames.extend(receive(&mut outbox).await);
        }
        // Coming back says that the last batch is written.
        let rest = tokio::time::timeout(Duration::from_secs(1), receive(&mut outbox)).await;
        assert!(rest.is_err(), "{rest:?}");
        frames
    });
    router
        .send(&alice, "sent before it was looked up")
        .expect("parked");
    let routed = router.route(&alice, "routed").await;
    let json = router.route_json(&alice, &[1]).await.expect("JSON");
    let many = router
        .route_many(std::slice::from_ref(&alice), "many")
        .await;
    let last = router.route_with(&alice, "written", written).await;

    assert_eq!(
        (routed, json),
        (RouteOutcome::Delivered, RouteOutcome::Delivered)
    );
    assert_eq!(many, [(alice, RouteOutcome::Delivered)]);
    assert_eq!(last, RouteOutcome::Written);
    let expected = [
        "sent before it was looked up",
        "routed",
        "[1]",
        "many",
        "written",
    ];
    assert_eq!(reading.await.expect("no panic"), expected.map(Frame::text));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nobody_has_is_not_found() {
    let cluster = Cluster::start(3).await;

    for node in &cluster.nodes {
        let outcome = node.router().route(&named("nobody"), "hello").await;
        assert_eq!(outcome, RouteOutcome::NotFound);
        let info = node.connection_info(&named("nobody")).await;
        assert_eq!(info, Err(RouteOutcome::NotFound));
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_cannot_be_looked_up_is_unavailable_and_never_not_found() {
    let cluster = Cluster::start(3).await;
    cluster.isolate(1);

    let patient = RouteOptions::default().deadline(Duration::from_secs(60));
    let router = cluster.nodes[1].router();
    let outcome = router.route_with(&named("nobody"), "hello", patient).await;

    assert_eq!(outcome, RouteOutcome::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_takes_longer_than_the_deadline_ends_with_it() {
    let cluster = Cluster::start(3).await;
    cluster.isolate(1);

    let short = RouteOptions::default().deadline(Duration::from_millis(200));
    let router = cluster.nodes[1].router();
    let outcome = router.route_with(&named("nobody"), "hello", short).await;

    assert_eq!(outcome, RouteOutcome::Deadline { transmitted: false });
}

#[tokio::test(start_paused = true)]
async fn messages_for_unknown_names_share_the_room_of_those_that_wait() {
    let cluster = Cluster::start(3).await;
    cluster.isolate(1);
    let router = cluster.nodes[1].router();
    let half = Frame::binary(vec![0; 512 * 1024]);

    let routes = [named("a"), named("b"), named("a")];
    let short = RouteOptions::default().deadline(Duration::from_millis(200));
    let routes = routes
        .iter()
        .map(|to| router.route_with(to, half.clone(), short));
    let outcomes = join_all(routes).await;

    let busy = RouteOutcome::Busy {
        queue: FullQueue::Parked,
    };
    let late = RouteOutcome::Deadline { transmitted: false };
    assert_eq!(outcomes, [late, busy.clone(), busy]);
}

#[tokio::test(start_paused = true)]
async fn a_take_over_tells_and_closes_the_older_connection() {
    let cluster = Cluster::start(3).await;
    let (alice, mut older) = accept_named(&cluster.nodes[0], "alice").await;

    let (_, mut newer) = accept_named(&cluster.nodes[1], "alice").await;

    assert_eq!(closed(&mut older).await, CloseCode::SUPERSEDED);
    for node in &cluster.nodes {
        let outcome = node.router().route(&alice, "hello").await;
        assert_eq!(outcome, RouteOutcome::Delivered);
    }
    assert_eq!(receive(&mut newer).await.len(), 3);
    assert_eq!(cluster.nodes[0].local_connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_take_over_on_the_same_node_closes_the_older_connection_too() {
    let cluster = Cluster::start(1).await;
    let (alice, mut older) = accept_named(&cluster.nodes[0], "alice").await;

    let (_, mut newer) = accept_named(&cluster.nodes[0], "alice").await;

    assert_eq!(closed(&mut older).await, CloseCode::SUPERSEDED);
    let outcome = cluster.nodes[0].router().route(&alice, "hello").await;
    assert_eq!(outcome, RouteOutcome::Delivered);
    assert_eq!(receive(&mut newer).await, [Frame::text("hello")]);
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_name_has_moved_twice_is_superseded() {
    let cluster = Cluster::start(3).await;
    let leader = cluster.leader().expect("a leader");
    let [one, other] = [(leader + 1) % 3, (leader + 2) % 3];
    let id = |index: usize| cluster.nodes[index].node_id();
    let (alice, first) = accept_named(&cluster.nodes[one], "alice").await;
    eventually("the sender knows", || {
        let state = cluster.nodes[leader].raft().state();
        let names = state.borrow().names();
        names == 1
    })
    .await;

    let patient = RouteOptions::default().deadline(Duration::from_secs(60));
    let router = cluster.nodes[leader].router();
    let moving = async {
        // Each owner gives the name up while the message cannot reach it.
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(first);
        let (_, second) = accept_named(&cluster.nodes[other], "alice").await;
        cluster.network.cut(id(leader), id(other));
        cluster.network.heal(id(leader), id(one));
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        drop(second);
        cluster.network.heal(id(leader), id(other));
    };
    // On its way before the name moves.
    cluster.network.cut(id(leader), id(one));
    let (outcome, ()) = tokio::join!(router.route_with(&alice, "hello", patient), moving);

    assert_eq!(outcome, RouteOutcome::Superseded);
}

#[tokio::test(start_paused = true)]
async fn a_registration_on_two_nodes_at_once_has_one_winner_and_the_loser_is_told() {
    let cluster = Cluster::start(3).await;
    let register = |node: usize| {
        let node = &cluster.nodes[node];
        let info = ConnectionInfo::default();
        node.accept_named("/ws", info, name("alice"), NamePolicy::IfFree)
    };

    let (one, other) = tokio::join!(register(1), register(2));

    let (winner, mut outbox, refused) = match (one, other) {
        (Ok((_, outbox)), Err(refused)) => (1, outbox, refused),
        (Err(refused), Ok((_, outbox))) => (2, outbox, refused),
        (one, other) => panic!("{one:?} and {other:?}"),
    };
    let by = cluster.nodes[winner].node_id().clone();
    assert_eq!(
        refused,
        NamedConnectionError::Name(RegisterNameError::Taken { by })
    );
    assert_eq!(cluster.nodes[3 - winner].local_connections(), 0);
    for node in &cluster.nodes {
        let outcome = node.router().route(&named("alice"), "hello").await;
        assert_eq!(outcome, RouteOutcome::Delivered);
    }
    assert_eq!(receive(&mut outbox).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_one_name_at_a_time_and_may_change_it() {
    let cluster = Cluster::start(3).await;
    let node = &cluster.nodes[0];
    let (minted, mut outbox) = accept(node);
    let policy = NamePolicy::IfFree;
    let first = node.register_name(&minted, name("alice"), policy).await;

    let second = node.register_name(&minted, name("bob"), policy).await;
    node.unregister_name(&name("alice"));
    let third = node.register_name(&minted, name("bob"), policy).await;

    let has = RegisterNameError::Named {
        name: name("alice"),
    };
    assert_eq!((first, second), (Ok(named("alice")), Err(has)));
    assert_eq!(third, Ok(named("bob")));
    let router = cluster.nodes[1].router();
    let to_bob = router.route(&named("bob"), "hello").await;
    let to_alice = router.route(&named("alice"), "hello").await;
    assert_eq!(
        (to_bob, to_alice),
        (RouteOutcome::Delivered, RouteOutcome::NotFound)
    );
    assert_eq!(receive(&mut outbox).await, [Frame::text("hello")]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_ends_its_name() {
    let cluster = Cluster::start(3).await;
    let (alice, outbox) = accept_named(&cluster.nodes[0], "alice").await;
    let (bob, mut told) = accept_named(&cluster.nodes[0], "bob").await;

    drop(outbox);
    cluster.nodes[0].unregister_connection(&bob, CloseCode::NORMAL);

    assert_eq!(closed(&mut told).await, CloseCode::NORMAL);
    for gone in [&alice, &bob] {
        let outcome = cluster.nodes[1].router().route(gone, "hello").await;
        assert_eq!(outcome, RouteOutcome::NotFound);
    }
    eventually("the log has heard", || {
        let state = cluster.nodes[1].raft().state();
        let names = state.borrow().names();
        names == 0
    })
    .await;
    let policy = NamePolicy::IfFree;
    let info = ConnectionInfo::default();
    let again = cluster.nodes[2]
        .accept_named("/ws", info, name("alice"), policy)
        .await;
    assert!(again.is_ok(), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_at_once_finds_its_name_free() {
    let cluster = Cluster::start(3).await;
    let (_, outbox) = accept_named(&cluster.nodes[0], "alice").await;

    drop(outbox);
    let info = ConnectionInfo::default();
    let again = cluster.nodes[0].accept_named("/ws", info, name("alice"), NamePolicy::IfFree);

    assert!(again.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_connection_is_found_by_its_name() {
    let cluster = Cluster::start(3).await;
    let info = ConnectionInfo::default().with_metadata("device", "phone");
    let (alice, _outbox) = cluster.nodes[0]
        .accept_named("/ws", info, name("alice"), NamePolicy::IfFree)
        .await
        .expect("registered");

    for node in &cluster.nodes {
        let info = node.connection_info(&alice).await.expect("known");
        assert_eq!(info.metadata["device"], "phone");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_for_a_connection_that_is_not_there_is_refused() {
    let cluster = Cluster::start(3).await;
    let (elsewhere, _outbox) = accept(&cluster.nodes[1]);

    let policy = NamePolicy::TakeOver;
    let refused = cluster.nodes[0].register_name(&elsewhere, name("alice"), policy);

    assert_eq!(refused.await, Err(RegisterNameError::NoSuchConnection));
}

/// Remembers who was spoken to.
#[derive(Debug, Default)]
struct Remembering {
    sent: Mutex<Vec<ConnectionId>>,
    closed: Mutex<Vec<(ConnectionId, CloseCode)>>,
}

impl ConnectionProvider for Remembering {
    fn send(&self, connection: &ConnectionId, _: Frame) -> Result<(), Undeliverable> {
        self.sent.lock().expect("no panic").push(connection.clone());
        Ok(())
    }

    fn close(&self, connection: &ConnectionId, code: CloseCode) {
        let closed = (connection.clone(), code);
        self.closed.lock().expect("no panic").push(closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_spoken_to_by_the_name_that_the_application_gave() {
    let provider = Arc::new(Remembering::default());
    let cluster = Cluster::start_with_provider(3, Arc::clone(&provider) as _).await;
    let (info, policy) = (ConnectionInfo::default(), NamePolicy::TakeOver);
    let alice = cluster.nodes[0]
        .register_named(name("alice"), "/ws", info, policy)
        .await
        .expect("registered");

    for node in &cluster.nodes {
        let outcome = node.router().route(&alice, "hello").await;
        assert_eq!(outcome, RouteOutcome::Delivered);
    }
    let (_, _newer) = accept_named(&cluster.nodes[1], "alice").await;
    eventually("the older one is closed", || {
        !provider.closed.lock().expect("no panic").is_empty()
    })
    .await;

    assert_eq!(
        *provider.sent.lock().expect("no panic"),
        [alice.clone(), alice.clone(), alice.clone()]
    );
    let closed = provider.closed.lock().expect("no panic").clone();
    assert_eq!(closed, [(alice, CloseCode::SUPERSEDED)]);
}

#[tokio::test(start_paused = true)]
async fn an_application_ends_a_connection_by_its_name() {
    let provider = Arc::new(Remembering::default());
    let cluster = Cluster::start_with_provider(1, Arc::clone(&provider) as _).await;
    let node = &cluster.nodes[0];
    let (info, policy) = (ConnectionInfo::default(), NamePolicy::IfFree);
    let alice = node
        .register_named(name("alice"), "/ws", info.clone(), policy)
        .await
        .expect("registered");
    let other = node
        .register_named(name("alice"), "/ws", info, policy)
        .await;
    assert!(other.is_err(), "{other:?}");
    assert_eq!(node.local_connections(), 1);

    node.unregister_connection(&alice, CloseCode::NORMAL);

    assert_eq!(node.local_connections(), 0);
    assert_eq!(
        node.router().route(&alice, "hello").await,
        RouteOutcome::NotFound
    );
    let closed = provider.closed.lock().expect("no panic").clone();
    assert_eq!(closed, [(alice, CloseCode::NORMAL)]);
}

/// They wait in one line, and ask together.
#[tokio::test(start_paused = true)]
async fn a_thousand_messages_to_a_name_that_nobody_has_wait_for_a_question_or_two() {
    let cluster = Cluster::start(3).await;
    let far = Duration::from_millis(10);
    cluster.network.set_default_profile(LinkProfile {
        delay: far..far * 2,
        ..LinkProfile::default()
    });
    let nobody = named("nobody");
    let router = cluster.nodes[0].router();
    let hurried = RouteOptions::default().deadline(Duration::from_secs(1));
    let messages = (0..1_000).map(|_| router.route_with(&nobody, "hello", hurried));

    let outcomes = join_all(messages).await;

    let not_found = outcomes
        .iter()
        .filter(|outcome| **outcome == RouteOutcome::NotFound);
    assert_eq!(not_found.count(), 1_000);
}
