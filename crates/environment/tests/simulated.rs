//! The simulated environment, inside turmoil and outside it.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

use std::{
    cell::RefCell,
    io,
    path::Path,
    rc::Rc,
    time::{Duration, SystemTime},
};

use raftwire_environment::{BootTime, Environment, SimulatedDisk};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

const PORT: u16 = 5000;

fn simulation() -> turmoil::Sim<'static> {
    turmoil::Builder::new().rng_seed(7).build()
}

fn environment() -> Environment {
    Environment::simulated(7, SimulatedDisk::new(7))
}

/// Answers each connection with what it says.
async fn serve_echo(environment: Environment, host: &str) -> io::Result<()> {
    let listener = environment.bind(host, PORT).await?;
    assert_eq!(listener.local_addr()?.port(), PORT);
    loop {
        let (mut stream, _) = listener.accept().await?;
        environment.spawn("echo", async move {
            let mut heard = [0; 5];
            stream.read_exact(&mut heard).await?;
            stream.write_all(&heard).await
        });
    }
}

async fn is_echoed(environment: &Environment, host: &str) -> io::Result<()> {
    let mut stream = environment.connect(host, PORT).await?;
    stream.write_all(b"hello").await?;
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).await?;
    assert_eq!(&heard, b"hello");
    Ok(())
}

#[test]
fn hosts_reach_each_other_by_name() {
    let mut simulation = simulation();
    simulation.host("node1", || async {
        Ok(serve_echo(environment(), "node1").await?)
    });
    simulation.client("client", async {
        Ok(is_echoed(&environment(), "node1").await?)
    });

    simulation.run().unwrap();
}

#[test]
fn a_host_reaches_itself_by_loopback() {
    let mut simulation = simulation();
    simulation.client("node1", async {
        let environment = environment();
        environment.spawn("server", serve_echo(environment.clone(), "localhost"));
        tokio::task::yield_now().await;
        Ok(is_echoed(&environment, "127.0.0.1").await?)
    });

    simulation.run().unwrap();
}

#[test]
fn a_name_that_is_no_host_is_not_found() {
    let mut simulation = simulation();
    simulation.client("client", async {
        let error = environment().connect("nowhere", PORT).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        Ok(())
    });

    simulation.run().unwrap();
}

#[tokio::test(start_paused = true)]
async fn outside_turmoil_there_is_time_but_no_socket() {
    let environment = environment();
    sleep(Duration::from_secs(2)).await;

    assert_eq!(
        environment.boot_time(),
        BootTime::new(Duration::from_secs(2))
    );
    let connect = environment.connect("node1", PORT).await.unwrap_err();
    let bind = environment.bind("node1", PORT).await.unwrap_err();
    assert_eq!(connect.kind(), io::ErrorKind::Unsupported);
    assert_eq!(bind.kind(), io::ErrorKind::Unsupported);
}

#[tokio::test(start_paused = true)]
async fn a_drifting_boot_clock_is_fast_or_slow_and_the_other_clocks_are_not() {
    let at = |drift| Environment::simulated_with_drift(7, SimulatedDisk::new(7), drift);
    let (fast, slow, stopped) = (at(100_000), at(-100_000), at(-2_000_000));
    let before = fast.now();

    sleep(Duration::from_secs(10)).await;

    assert_eq!(fast.boot_time(), BootTime::new(Duration::from_secs(11)));
    assert_eq!(slow.boot_time(), BootTime::new(Duration::from_secs(9)));
    assert_eq!(stopped.boot_time(), BootTime::default());
    assert_eq!(fast.now() - before, Duration::from_secs(10));
    assert_eq!(fast.unix_time(), slow.unix_time());
}

/// What a host noted each time that it started.
type Starts = Rc<RefCell<Vec<(BootTime, SystemTime, Option<Vec<u8>>)>>>;

fn crash_and_restart() -> Starts {
    let starts = Starts::default();
    let disk = SimulatedDisk::new(7);
    let mut simulation = simulation();
    simulation.host("node1", {
        let (starts, disk) = (Rc::clone(&starts), disk.clone());
        move || {
            let (starts, disk) = (Rc::clone(&starts), disk.clone());
            async move {
                let environment = Environment::simulated(7, disk);
                let path = Path::new("log");
                let found = environment.disk().read(path).ok();
                let now = (environment.boot_time(), environment.unix_time());
                starts.borrow_mut().push((now.0, now.1, found));
                let executor = environment.executor("disk");
                executor.spawn("write", {
                    let disk = environment.disk().clone();
                    async move {
                        let _lock = disk.lock(Path::new("lock")).unwrap();
                        let mut file = disk.open_append(path).unwrap();
                        file.append(b"synced").unwrap();
                        file.sync_data().unwrap();
                        disk.sync_dir(Path::new("")).unwrap();
                        std::future::pending::<()>().await;
                    }
                });
                std::future::pending().await
            }
        }
    });
    let run = |simulation: &mut turmoil::Sim<'_>| {
        let until = simulation.elapsed() + Duration::from_secs(3);
        while simulation.elapsed() < until {
            simulation.step().unwrap();
        }
    };

    run(&mut simulation);
    simulation.crash("node1");
    disk.crash();
    run(&mut simulation);
    simulation.bounce("node1");
    run(&mut simulation);
    starts
}

#[test]
fn a_restarted_host_finds_its_disk_and_a_boot_clock_that_went_on() {
    let starts = crash_and_restart();

    let starts = starts.borrow();
    let [(first, first_date, nothing), (second, second_date, found)] = &starts[..] else {
        panic!("{starts:?}");
    };
    let between = second.duration_since(*first);
    assert!((5..=7).contains(&between.as_secs()), "{between:?}");
    assert_eq!(second_date.duration_since(*first_date).unwrap(), between);
    assert_eq!(*nothing, None);
    assert_eq!(found.as_deref(), Some(&b"synced"[..]));
}

#[test]
fn the_same_simulation_notes_the_same_times() {
    assert_eq!(*crash_and_restart().borrow(), *crash_and_restart().borrow());
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_random_numbers() {
    let draw = |seed| {
        let environment = Environment::simulated(seed, SimulatedDisk::new(7));
        let mut bytes = [0; 9];
        environment.fill_random(&mut bytes);
        let clone = environment.clone();
        let range = clone.random_range(10..1_000_000);
        assert!((10..1_000_000).contains(&range));
        (environment.random_u64(), bytes, range)
    };

    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

#[tokio::test(start_paused = true)]
async fn a_random_number_does_not_change_with_a_new_version() {
    assert_eq!(environment().random_u64(), 1_021_219_803_524_665_661);
}

#[tokio::test(start_paused = true)]
async fn an_executor_ends_with_its_last_handle_and_drops_its_tasks() {
    let executor = environment().executor("short");
    for _ in 0..1_000 {
        executor.spawn("brief", async {}).await.unwrap();
    }
    let endless = executor.spawn("endless", std::future::pending::<()>());
    let other_handle = executor.clone();

    drop(executor);
    sleep(Duration::from_secs(1)).await;
    assert!(!endless.is_finished());
    drop(other_handle);

    assert!(endless.await.unwrap_err().is_cancelled());
}
