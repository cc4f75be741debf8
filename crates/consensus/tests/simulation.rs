//! Nodes as hosts of a turmoil simulation: the same seed gives the same run.

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use raftwire_consensus::{CallError, ControlNetwork, RaftNode, RaftOptions, Storage};
use raftwire_environment::{Environment, SimulatedDisk};
use raftwire_protocol::{NodeId, Session};
use support::{name, names};
use tokio::sync::oneshot;
use tokio::time::timeout;
use turmoil::net::UdpSocket;

const PORT: u16 = 7000;
const LIST: [&str; 3] = ["a", "b", "c"];

/// How long an unanswered request waits before it is sent again: two of the longest round trips.
const RESEND: Duration = Duration::from_millis(40);

/// Requests and answers as datagrams, which may be lost and may overtake each other: a number that
/// the asker chose (its highest bit is set in the answer), then the bytes.
#[derive(Debug)]
struct Datagrams {
    socket: UdpSocket,
    own: NodeId,
    asked: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    last: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Bytes>>,
}

const ANSWER: u64 = 1 << 63;

impl Datagrams {
    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().expect("nothing panics while it holds it")
    }

    async fn send(&self, to: SocketAddr, number: u64, from: &NodeId, bytes: &Bytes) {
        let mut datagram = BytesMut::new();
        datagram.extend_from_slice(&number.to_be_bytes());
        datagram.extend_from_slice(&[u8::try_from(from.as_str().len()).expect("short")]);
        datagram.extend_from_slice(from.as_str().as_bytes());
        datagram.extend_from_slice(bytes);
        // What the simulated network refuses is lost, like what it loses.
        let _ = self.socket.send_to(&datagram, to).await;
    }

    /// Hands requests to the node and answers to those who asked.
    async fn run(self: Arc<Self>, node: Arc<RaftNode>, environment: Environment) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer).await {
            let mut datagram = Bytes::copy_from_slice(&buffer[..length]);
            let number = u64::from_be_bytes(datagram.split_to(8)[..].try_into().expect("eight"));
            let name_length = usize::from(datagram.split_to(1)[0]);
            let text = datagram.split_to(name_length);
            let peer: NodeId = std::str::from_utf8(&text)
                .expect("text")
                .parse()
                .expect("valid");
            if number & ANSWER != 0 {
                let waiting = self.asked().waiting.remove(&(number & !ANSWER));
                if let Some(waiting) = waiting {
                    let _ = waiting.send(datagram);
                }
                continue;
            }
            let (this, node) = (Arc::clone(&self), Arc::clone(&node));
            environment.spawn("answer", async move {
                let answer = node.handle(&peer, datagram).await;
                this.send(from, number | ANSWER, &this.own, &answer).await;
            });
        }
    }
}

#[async_trait]
impl ControlNetwork for Datagrams {
    async fn call(
        &self,
        to: &NodeId,
        request: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, CallError> {
        let address = SocketAddr::new(turmoil::lookup(to.as_str()), PORT);
        let (sender, mut answer) = oneshot::channel();
        let number = {
            let mut asked = self.asked();
            asked.last += 1;
            let number = asked.last;
            asked.waiting.insert(number, sender);
            number
        };
        let answered = timeout(deadline, async {
            loop {
                self.send(address, number, &self.own, &request).await;
                if let Ok(answer) = timeout(RESEND, &mut answer).await {
                    return answer;
                }
            }
        })
        .await;
        self.asked().waiting.remove(&number);
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(CallError::Deadline),
        }
    }
}

/// What happened, as text.
#[derive(Clone, Default)]
struct Trace {
    lines: Rc<RefCell<String>>,
}

impl Trace {
    fn note(&self, what: impl std::fmt::Display) {
        let mut lines = self.lines.borrow_mut();
        let _ = writeln!(
            lines,
            "{:?} {what}",
            turmoil::sim_elapsed().unwrap_or_default()
        );
    }
}

async fn host(seed: u64, own: &'static str, disk: SimulatedDisk, trace: Trace) -> turmoil::Result {
    let environment = Environment::simulated(seed, disk);
    let mut session = [0; 16];
    environment.fill_random(&mut session);
    let options = RaftOptions {
        founding: names(&LIST),
        ..RaftOptions::new(
            "simulated",
            name(own),
            Session::new(u128::from_be_bytes(session)),
            Storage::Durable(PathBuf::from("/data")),
        )
    };
    let node = Arc::new(RaftNode::open(options, environment.clone()).await?);
    let socket = UdpSocket::bind(("0.0.0.0", PORT)).await?;
    let network = Arc::new(Datagrams {
        socket,
        own: name(own),
        asked: Mutex::default(),
    });
    environment.spawn(
        "network",
        Arc::clone(&network).run(Arc::clone(&node), environment.clone()),
    );
    node.start(network).await?;
    let mut events = node.events().expect("not taken yet");
    let mut status = node.status();
    loop {
        tokio::select! {
            biased;
            event = events.recv() => trace.note(format_args!("{own} {event:?}")),
            _ = status.changed() => {
                let status = status.borrow_and_update().clone();
                let lease = node.lease().remaining(environment.boot_time());
                trace.note(format_args!("{own} {status:?} {lease:?}"));
            }
        }
    }
}

/// Two simulated minutes with loss, a cut and a crash; what happened in them.
fn run(seed: u64) -> String {
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .fail_rate(0.02)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(15))
        .udp_capacity(1024)
        .simulation_duration(Duration::from_secs(120))
        .build();
    let trace = Trace::default();
    let mut disks = BTreeMap::new();
    for (number, own) in LIST.into_iter().enumerate() {
        let seed = seed.wrapping_mul(10).wrapping_add(number as u64);
        let disk = SimulatedDisk::new(seed);
        disks.insert(own, disk.clone());
        let trace = trace.clone();
        let starts = Rc::new(RefCell::new(seed));
        sim.host(own, move || {
            *starts.borrow_mut() += 1_000_000;
            let seed = *starts.borrow();
            host(seed, own, disk.clone(), trace.clone())
        });
    }
    for millis in 0..60_000_u64 {
        sim.step().expect("no host fails");
        match millis {
            10_000 => sim.partition("a", "b"),
            15_000 => sim.partition("a", "c"),
            25_000 => {
                sim.repair("a", "b");
                sim.repair("a", "c");
            }
            35_000 => {
                sim.crash("b");
                disks["b"].crash();
            }
            37_000 => sim.bounce("b"),
            _ => {}
        }
    }
    trace.lines.take()
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let first = run(7);
    let second = run(7);

    for (one, other) in first.lines().zip(second.lines()) {
        assert_eq!(one, other);
    }
    assert_eq!(first.len(), second.len());
    assert!(first.contains("NodeDown"), "something happened");
    // For comparison with another process.
    println!(
        "the run of seed 7 has the digest {:08x}",
        crc32fast::hash(first.as_bytes())
    );
}

#[test]
fn another_seed_gives_another_run_and_agrees_in_the_end() {
    let (first, second) = (run(8), run(9));

    assert_ne!(first, second);
    for run in [first, second] {
        let last_word = |node: &str| {
            let prefix = format!(" {node} RaftStatus");
            run.lines()
                .rev()
                .find(|line| line.contains(&prefix))
                .map(str::to_owned)
        };
        for node in LIST {
            let word = last_word(node).expect("it spoke");
            assert!(word.contains("leader: Some"), "{word}");
        }
    }
}
