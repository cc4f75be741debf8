//! The real environment, as its users see it.

use std::{
    io,
    sync::mpsc,
    thread,
    time::{Duration, SystemTime},
};

use raftwire_environment::{Environment, Executor, TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Far longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn handles_can_be_shared_between_threads() {
    fn is_shared<T: Clone + Send + Sync + 'static>() {}
    fn is_owned<T: Send + Unpin + 'static>() {}

    is_shared::<Environment>();
    is_shared::<Executor>();
    is_owned::<TcpStream>();
    is_owned::<TcpListener>();
}

#[tokio::test]
async fn a_connection_carries_bytes_both_ways_and_its_end() {
    let environment = Environment::real();
    let listener = environment.bind("127.0.0.1", 0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let echo = environment.spawn("echo", async move {
        let (mut stream, peer) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        stream.write_all(&heard).await.unwrap();
        stream.shutdown().await.unwrap();
        peer
    });

    let mut stream = environment
        .connect("localhost", address.port())
        .await
        .unwrap();
    assert_eq!(stream.peer_addr().unwrap(), address);
    stream.write_all(b"hello").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();

    assert_eq!(heard, b"hello");
    assert_eq!(echo.await.unwrap(), stream.local_addr().unwrap());
}

#[tokio::test]
async fn an_ipv6_address_may_be_in_brackets() {
    let environment = Environment::real();

    // A machine without IPv6 says so; it does not fail to read the address.
    match environment.bind("[::1]", 0).await {
        Ok(listener) => assert!(listener.local_addr().unwrap().is_ipv6()),
        Err(error) => assert_ne!(error.kind(), io::ErrorKind::InvalidInput),
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_refuses() {
    let environment = Environment::real();
    let listener = environment.bind("127.0.0.1", 0).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);

    let error = environment.connect("127.0.0.1", port).await.unwrap_err();

    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_port_in_use_is_not_bound_again() {
    let environment = Environment::real();
    let listener = environment.bind("127.0.0.1", 0).await.unwrap();
    let port = listener.local_addr().unwrap().port();

    let error = environment.bind("127.0.0.1", port).await.unwrap_err();

    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test(start_paused = true)]
async fn now_is_the_time_that_tokio_sleeps_by() {
    let environment = Environment::real();
    let before = environment.now();

    tokio::time::sleep(Duration::from_secs(3_600)).await;

    assert_eq!(environment.now() - before, Duration::from_secs(3_600));
}

#[test]
fn the_boot_clock_does_not_go_back() {
    let environment = Environment::real();
    let before = environment.boot_time();

    assert!(environment.boot_time() >= before);
    assert!(before.since_boot() > Duration::ZERO);
    assert!(environment.unix_time() > SystemTime::UNIX_EPOCH);
}

#[test]
fn random_numbers_differ_and_stay_in_their_range() {
    let environment = Environment::real();
    let mut bytes = [0; 32];
    environment.fill_random(&mut bytes);

    assert_ne!(bytes, [0; 32]);
    assert_ne!(environment.random_u64(), environment.random_u64());
    assert!((0..100).all(|_| (5..8).contains(&environment.random_range(5..8))));
    assert_eq!(environment.random_range(5..5), 5);
    #[allow(clippy::reversed_empty_ranges)]
    let reversed = environment.random_range(8..5);
    assert_eq!(reversed, 8);
}

#[tokio::test]
async fn an_executor_runs_its_tasks_on_a_thread_with_its_name() {
    let executor = Environment::real().executor("disk");

    let name = executor
        .spawn("name", async {
            thread::current().name().map(str::to_owned)
        })
        .await
        .unwrap();

    assert_eq!(name.as_deref(), Some("disk"));
}

#[tokio::test]
async fn an_executor_blocked_by_one_task_blocks_nobody_else() {
    let executor = Environment::real().executor("disk");
    let (release, released) = mpsc::channel::<()>();
    let blocked = executor.spawn("block", async move { released.recv() });

    let elsewhere = Environment::real().spawn("elsewhere", async { 7 });
    assert_eq!(elsewhere.await.unwrap(), 7);

    release.send(()).unwrap();
    blocked.await.unwrap().unwrap();
}

#[test]
fn an_executor_ends_with_its_last_handle_and_drops_its_tasks() {
    let executor = Environment::real().executor("short");
    let other_handle = executor.clone();
    let (alive, ended) = mpsc::channel::<()>();
    let task = executor.spawn("endless", async move {
        let _alive = alive;
        std::future::pending::<()>().await;
    });

    drop(executor);
    assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(other_handle);

    let end = ended.recv_timeout(PATIENCE);
    assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    assert!(runtime.unwrap().block_on(task).unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_panic_on_an_executor_reaches_its_awaiter_and_the_others_go_on() {
    let executor = Environment::real().executor("brave");

    let error = executor
        .spawn("doomed", async { panic!("on purpose") })
        .await
        .unwrap_err();

    assert!(error.is_panic());
    assert_eq!(executor.spawn("next", async { 7 }).await.unwrap(), 7);
}
