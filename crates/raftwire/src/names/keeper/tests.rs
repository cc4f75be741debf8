use raftwire_protocol::{Boot, Frame, NodeId, Slot};

use super::super::fake::FakeNames;
use super::*;
use crate::connection::{
    ConnectionInfo, DefaultConnectionProvider, Outbox, OutboxPolicy, Undelivered,
};

struct Node {
    names: Arc<FakeNames>,
    table: Arc<ConnectionTable>,
    outboxes: DefaultConnectionProvider,
    keeper: Arc<NameKeeper>,
    lost: mpsc::Sender<LostName>,
}

/// A node whose keeper runs.
fn node() -> Node {
    let environment = Environment::real();
    let names = Arc::new(FakeNames::default());
    let table = Arc::new(ConnectionTable::new(environment.clone()));
    let outboxes =
        DefaultConnectionProvider::new(Arc::clone(&table), 1024, OutboxPolicy::default());
    let keeper = Arc::new(NameKeeper::new(
        environment.clone(),
        Arc::clone(&names) as Arc<dyn NameService>,
        Arc::clone(&table),
        Delivery::Outboxes(outboxes.clone()),
    ));
    let (lost, losses) = mpsc::channel(1);
    drop(environment.spawn("release", Arc::clone(&keeper).release_all()));
    drop(environment.spawn("take back", Arc::clone(&keeper).take_all_back()));
    drop(environment.spawn("lost", Arc::clone(&keeper).close_superseded(losses)));
    Node {
        names,
        table,
        outboxes,
        keeper,
        lost,
    }
}

impl Node {
    fn accept(&self) -> (MintedId, Outbox) {
        let minting = (Slot::new(1), Boot::new(1).expect("24 bits"));
        let opened = self.outboxes.open(minting, ConnectionInfo::default());
        let (connection, outbox) = opened.expect("room");
        match connection {
            raftwire_protocol::ConnectionId::Minted(id) => (id, outbox),
            raftwire_protocol::ConnectionId::Named(name) => panic!("{name} was minted"),
        }
    }

    async fn accept_named(&self, text: &str) -> (MintedId, Outbox) {
        let (id, outbox) = self.accept();
        let registered = self.keeper.register(id, name(text), NamePolicy::TakeOver);
        registered.await.expect("registered");
        (id, outbox)
    }

    async fn settled(&self) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn other_node() -> NodeId {
    "other".parse().expect("a node id")
}

/// What an outbox was closed with, if it was.
async fn closed(outbox: &mut Outbox) -> Option<CloseCode> {
    let mut batch = Vec::new();
    let next = tokio::time::timeout(Duration::from_secs(1), outbox.next_batch(&mut batch));
    next.await.ok()?.err().map(|closed| closed.code)
}

#[tokio::test(start_paused = true)]
async fn a_registration_whose_caller_has_gone_is_finished_and_kept() {
    let node = node();
    let (id, _outbox) = node.accept();

    let registration = node.keeper.register(id, name("alice"), NamePolicy::IfFree);
    let given_up = tokio::time::timeout(Duration::from_millis(1), registration).await;
    assert!(given_up.is_err());
    node.settled().await;

    assert_eq!(node.keeper.connection(&name("alice")), Some(id));
    assert!(node.names.lock().rows.contains_key(&name("alice")));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_given_up_and_asked_for_again_before_the_log_answers_is_held_by_the_later() {
    let node = node();
    let (id, _outbox) = node.accept();
    let alice = name("alice");
    let first = node
        .keeper
        .register(id, alice.clone(), NamePolicy::TakeOver);
    let again = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let given_up = node.names.name(&alice).expect("a row").epoch;
        node.keeper.unregister(&alice);
        let delivery = || deliver(&node, &id, given_up);
        assert_eq!(delivery(), Err(Undelivered::Moved));
        let second = node.keeper.register(id, alice.clone(), NamePolicy::IfFree);
        let later = async {
            // Both are under way; then the first has been answered; then both.
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                assert_eq!(delivery(), Err(Undelivered::Moved));
            }
        };
        tokio::join!(second, later).0
    };

    let (first, second) = tokio::join!(first, again);
    node.settled().await;

    assert_eq!(first, Err(RegisterNameError::NoSuchConnection));
    assert_eq!(second, Ok(()));
    assert_eq!(node.keeper.connection(&alice), Some(id));
    let row = node.names.name(&alice).expect("the later registration");
    assert_eq!(deliver(&node, &id, row.epoch), Ok(()));
}

/// Delivers a message by a registration of the connection's name.
fn deliver(node: &Node, id: &MintedId, epoch: u64) -> Result<(), Undelivered> {
    let delivery = Delivery::Outboxes(node.outboxes.clone());
    delivery.deliver((id, Some(epoch)), Frame::text("hi"), true, None)
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_while_it_is_named_leaves_no_row() {
    let node = node();
    let (id, outbox) = node.accept();
    let registration = node.keeper.register(id, name("alice"), NamePolicy::IfFree);
    let end = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        drop(outbox);
    };

    let (registered, ()) = tokio::join!(registration, end);
    node.settled().await;

    assert_eq!(registered, Err(RegisterNameError::NoSuchConnection));
    assert!(node.names.lock().rows.is_empty());
    assert!(node.keeper.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_lost_before_its_registration_was_answered_closes_the_connection() {
    let node = node();
    let (id, mut outbox) = node.accept();
    let registration = node.keeper.register(id, name("alice"), NamePolicy::IfFree);
    let loss = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let lost = LostName {
            name: name("alice"),
            connection: id,
            epoch: 1,
        };
        node.lost.send(lost).await.expect("the keeper runs");
    };

    let (registered, ()) = tokio::join!(registration, loss);

    assert_eq!(registered, Err(RegisterNameError::NoSuchConnection));
    assert_eq!(closed(&mut outbox).await, Some(CloseCode::SUPERSEDED));
}

#[tokio::test(start_paused = true)]
async fn a_loss_of_an_older_registration_changes_nothing() {
    let node = node();
    let (id, mut outbox) = node.accept_named("alice").await;
    node.keeper.unregister(&name("alice"));
    let again = node.keeper.register(id, name("alice"), NamePolicy::IfFree);
    again.await.expect("registered");

    let lost = LostName {
        name: name("alice"),
        connection: id,
        epoch: 1,
    };
    node.lost.send(lost).await.expect("the keeper runs");
    node.settled().await;

    assert_eq!(closed(&mut outbox).await, None);
    assert_eq!(node.keeper.connection(&name("alice")), Some(id));
}

#[tokio::test(start_paused = true)]
async fn a_refused_registration_leaves_the_connection_free_for_another() {
    let node = node();
    let (id, _outbox) = node.accept();
    for refusal in [
        RegisterError::Unavailable,
        RegisterError::NotMember,
        RegisterError::Full { limit: 1 },
        RegisterError::Busy { waiting: 1 },
        RegisterError::Taken { by: other_node() },
    ] {
        let expected = RegisterNameError::from(refusal.clone());
        node.names.lock().refusals.push(refusal);

        let refused = node.keeper.register(id, name("alice"), NamePolicy::IfFree);
        assert_eq!(refused.await, Err(expected));
    }

    let registered = node.keeper.register(id, name("bob"), NamePolicy::IfFree);
    assert_eq!(registered.await, Ok(()));
    assert_eq!(node.keeper.connection(&name("alice")), None);
}

#[tokio::test(start_paused = true)]
async fn names_are_taken_back_until_somebody_answers() {
    let node = node();
    let (id, mut outbox) = node.accept_named("alice").await;
    node.names.lock().refusals = vec![
        RegisterError::Unavailable,
        RegisterError::Busy { waiting: 1 },
        RegisterError::NotMember,
    ];

    node.table.outdate_names(2);
    node.names.lock().index = 2;
    node.settled().await;

    assert_eq!(node.names.lock().registrations, 5);
    assert_eq!(closed(&mut outbox).await, None);
    assert_eq!(node.keeper.connection(&name("alice")), Some(id));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_cannot_be_taken_back_closes_its_connection() {
    for (refusal, code) in [
        (
            RegisterError::Taken { by: other_node() },
            CloseCode::SUPERSEDED,
        ),
        (RegisterError::Full { limit: 1 }, CloseCode::TRY_AGAIN_LATER),
    ] {
        let node = node();
        let (_, mut outbox) = node.accept_named("alice").await;
        node.names.lock().refusals.push(refusal);

        node.table.outdate_names(2);
        node.settled().await;

        assert_eq!(closed(&mut outbox).await, Some(code));
        assert_eq!(node.keeper.connection(&name("alice")), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_an_end_of_the_incarnation_overtook_is_made_again() {
    let node = node();
    let (id, _outbox) = node.accept();
    let registration = node.keeper.register(id, name("alice"), NamePolicy::IfFree);
    let rejoin = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        node.table.outdate_names(7);
        node.names.lock().index = 7;
    };

    let (registered, ()) = tokio::join!(registration, rejoin);

    assert_eq!(registered, Ok(()));
    assert_eq!(node.names.lock().rows[&name("alice")].epoch, 8);
    assert!(node.table.is_named(&id, &name("alice")));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_named_connections_that_come_and_go_leave_nothing_behind() {
    let node = node();
    for number in 0..100_000 {
        let (id, outbox) = node.accept();
        let text = format!("client-{number}");
        let registered = node.keeper.register(id, name(&text), NamePolicy::IfFree);
        registered.await.expect("registered");
        if number % 2 == 0 {
            node.keeper.unregister(&name(&text));
        }
        drop(outbox);
    }
    node.settled().await;

    assert_eq!(node.table.len(), 0);
    assert!(node.names.lock().rows.is_empty());
    assert_eq!(node.keeper.lock().len(), 0);
    assert!(node.table.take_released().is_empty());
}
