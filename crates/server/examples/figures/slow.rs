//! What a slow client and a slow node cost the others.

use std::error::Error;
use std::time::Duration;

use raftwire_bench::{Plan, Protocol, Report, RouteAnswer, Scenario};
use raftwire_environment::Environment;
use rustix::process::Signal;
use tokio::task::JoinHandle;

use crate::cluster::Cluster;
use crate::load_client::LoadClient;

/// Enough for a median.
const ROUNDS: usize = 7;
/// Clients that are sent something aside, of each of the two other nodes.
const ASIDE: usize = 8;
const ASIDE_BYTES: usize = 1024;
/// Between two messages to one of them. A client that reads nothing has this in its socket and its outbox at
/// the end, and is still connected.
const ASIDE_PAUSE: Duration = Duration::from_millis(4);
/// The slow node stands still for so long and then runs for so long, in turns: it stays a member.
const STANDSTILL: Duration = Duration::from_millis(20);
/// The messages whose latency is told, to clients that read on a node that runs.
const PER_SECOND: f64 = 4_000.0;
const SENDERS: usize = 20;
const LENGTH: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_millis(500);

/// Who is slow. The load is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    Nobody,
    /// Clients of the node of the measured receivers read nothing.
    Clients,
    /// The third node stands still for half of the time.
    Node,
}

const CASES: [(Slow, &str); 3] = [
    (Slow::Nobody, "nobody is slow"),
    (Slow::Clients, "8 clients read nothing"),
    (Slow::Node, "a node runs half of the time, 20 ms on and off"),
];

pub(crate) async fn measure(environment: &Environment) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::start(environment).await?;
    println!(
        "others' latency beside slow ones, {PER_SECOND} acknowledged routes/s of node1 to node2, {ROUNDS} rounds of {} s in turns:",
        LENGTH.as_secs()
    );
    let mut seen = [const { Vec::new() }; CASES.len()];
    for _ in 0..ROUNDS {
        for ((slow, _), seen) in CASES.iter().zip(&mut seen) {
            seen.push(round(environment, &cluster, *slow).await?.latency.p99_us);
        }
    }
    let mut calm = None;
    for ((_, what), seen) in CASES.iter().zip(&mut seen) {
        seen.sort_by(f64::total_cmp);
        let [least, median, most] = [seen[0], seen[ROUNDS / 2], seen[ROUNDS - 1]];
        let ratio = median / *calm.get_or_insert(median);
        println!(
            "  {what}: p99 {:.2} ms ({:.2} to {:.2}), {ratio:.2} of the first",
            median / 1e3,
            least / 1e3,
            most / 1e3
        );
    }
    Ok(())
}

async fn round(
    environment: &Environment,
    cluster: &Cluster,
    slow: Slow,
) -> Result<Report, Box<dyn Error>> {
    let mut aside = Aside::start(environment, cluster, slow).await?;
    let plan = Plan {
        scenario: Scenario::Route {
            senders_at: format!("ws://127.0.0.1:{}/ws", cluster.ports[0]).parse()?,
            receivers_at: vec![format!("ws://127.0.0.1:{}/ws", cluster.ports[1]).parse()?],
            senders: SENDERS,
            in_flight: 16,
            bytes: 128,
            answer: RouteAnswer::Result,
            protocol: Protocol::Raftwire,
        },
        trust: None,
        warm_up: WARM_UP,
        length: LENGTH,
        threads: Some(1),
        rate: Some(PER_SECOND),
        pids: Vec::new(),
    };
    // A thread that waits for the generator's own.
    #[allow(clippy::disallowed_methods)]
    let measuring = tokio::task::spawn_blocking(move || raftwire_bench::run(&plan, &mut |_| {}));
    tokio::pin!(measuring);
    let report = loop {
        tokio::select! {
            report = &mut measuring => break report??,
            () = tokio::time::sleep(STANDSTILL), if slow == Slow::Node => aside.turn(cluster)?,
        }
    };
    aside.end(cluster)?;
    if report.outcomes.keys().any(|outcome| outcome != "delivered") {
        return Err(format!("routes failed: {:?}", report.outcomes).into());
    }
    // The other nodes agree that the third is there, or the next round would measure its return.
    cluster.ready().await?;
    Ok(report)
}

/// What is said meanwhile to clients of both other nodes.
struct Aside {
    tasks: Vec<JoinHandle<()>>,
    /// Connected, and read by nobody.
    _idle: Vec<LoadClient>,
    stands_still: bool,
}

impl Aside {
    async fn start(
        environment: &Environment,
        cluster: &Cluster,
        slow: Slow,
    ) -> Result<Aside, Box<dyn Error>> {
        let (mut tasks, mut idle) = (Vec::new(), Vec::new());
        for (number, port) in [cluster.ports[1], cluster.ports[2]]
            .repeat(ASIDE)
            .iter()
            .enumerate()
        {
            let target = LoadClient::connect(environment, *port).await?;
            let sender = LoadClient::connect(environment, cluster.ports[0]).await?;
            let (to, payload) = (target.id.clone(), "x".repeat(ASIDE_BYTES));
            let sending = sender.send_on(to, payload, ASIDE_PAUSE);
            tasks.push(environment.spawn("aside", sending));
            if slow == Slow::Clients && number % 2 == 0 {
                idle.push(target);
            } else {
                tasks.push(environment.spawn("target", target.listen()));
            }
        }
        Ok(Aside {
            tasks,
            _idle: idle,
            stands_still: false,
        })
    }

    fn turn(&mut self, cluster: &Cluster) -> Result<(), Box<dyn Error>> {
        self.stands_still = !self.stands_still;
        let signal = if self.stands_still {
            Signal::STOP
        } else {
            Signal::CONT
        };
        cluster.signal(2, signal)
    }

    fn end(mut self, cluster: &Cluster) -> Result<(), Box<dyn Error>> {
        self.tasks.iter().for_each(JoinHandle::abort);
        if self.stands_still {
            self.turn(cluster)?;
        }
        Ok(())
    }
}
