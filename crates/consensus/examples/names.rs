//! How many names a second three nodes make durable, and what a million of them cost.
//!
//! ```text
//! cargo run --release -p raftwire-consensus --example names [FOLDER] [NAMES] [UNDER_WAY]
//! ```
//!
//! Three nodes in one process, each with a log of its own in the folder (by default the working
//! directory), which decides which disk is measured.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use raftwire_consensus::testing::{decode_state, encode_state};
use raftwire_consensus::{
    CallError, ControlNetwork, NamePolicy, RaftNode, RaftOptions, RegisterError, Storage,
};
use raftwire_environment::Environment;
use raftwire_protocol::{MintedId, Name, NodeId, Session};
use tokio::time::{sleep, timeout};

/// How many names are registered, unless the command line says otherwise.
const NAMES: u64 = 1_000_000;

/// How many registrations each node has under way, unless the command line says otherwise: a batch that
/// is committed, and one that fills. More only wait, and on a slow machine for longer than they may.
const UNDER_WAY: usize = 2_000;

/// How many names are one line of the output.
const PART: u64 = 100_000;

const NODES: [&str; 3] = ["a", "b", "c"];

#[allow(clippy::print_stdout)] // the output of an example
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().map_or(".".into(), PathBuf::from);
    let names = match arguments.next() {
        Some(text) => text.to_string_lossy().parse()?,
        None => NAMES,
    };
    let under_way = match arguments.next() {
        Some(text) => text.to_string_lossy().parse()?,
        None => UNDER_WAY,
    };
    let folder = tempfile::tempdir_in(folder)?;
    let environment = Environment::real();
    let nodes = start(&environment, folder.path()).await?;
    let before = memory_bytes(&environment);

    let mut rates = Vec::new();
    for from in (0..names).step_by(PART as usize) {
        let begin = environment.boot_time();
        let to = names.min(from + PART);
        let again = register(&nodes, from..to, under_way).await?;
        let elapsed = environment.boot_time().duration_since(begin);
        let rate = (to - from) as f64 / elapsed.as_secs_f64();
        let term = nodes[0].status().borrow().term;
        println!(
            "names {from:>8}..{to:<8} {rate:>9.0} registrations/s, {again} asked for again, term {term}"
        );
        rates.push(rate);
    }
    rates.sort_by(f64::total_cmp);
    // Of an even number the lower one of the two in the middle.
    println!("median {:.0} registrations/s", rates[(rates.len() - 1) / 2]);

    let state = nodes[0].state().borrow().clone();
    let used = memory_bytes(&environment).saturating_sub(before) / NODES.len() as u64;
    println!(
        "{} names: {} MiB a node, with its log",
        state.names(),
        used >> 20
    );
    let begin = environment.boot_time();
    let bytes = encode_state(&state);
    let encoded = environment.boot_time().duration_since(begin);
    let length = bytes.len();
    let begin = environment.boot_time();
    let copy = decode_state(bytes.into())?;
    let decoded = environment.boot_time().duration_since(begin);
    println!(
        "a snapshot of {} MiB: written in {encoded:?}, read in {decoded:?}",
        length >> 20
    );
    println!("the same state: {}", copy == *state);
    let terms = nodes.each_ref().map(|node| node.status().borrow().term);
    println!("terms at the end: {terms:?}");
    for node in &nodes {
        node.stop().await;
    }
    Ok(())
}

async fn start(
    environment: &Environment,
    folder: &Path,
) -> Result<[Arc<RaftNode>; 3], Box<dyn Error>> {
    let here = Arc::new(Here::default());
    let mut nodes = Vec::new();
    for node in NODES {
        let node: NodeId = node.parse()?;
        let options = RaftOptions {
            founding: NODES
                .map(str::parse)
                .into_iter()
                .collect::<Result<_, _>>()?,
            ..RaftOptions::new(
                "example",
                node.clone(),
                Session::new(u128::from(environment.random_u64())),
                Storage::Durable(folder.join(node.as_str())),
            )
        };
        let raft = Arc::new(RaftNode::open(options, environment.clone()).await?);
        here.lock().insert(node.clone(), Arc::downgrade(&raft));
        let network = Link {
            own: node,
            here: Arc::clone(&here),
            environment: environment.clone(),
        };
        raft.start(Arc::new(network)).await?;
        nodes.push(raft);
    }
    for node in &nodes {
        while !node.lease().holds(environment.boot_time()) {
            sleep(Duration::from_millis(20)).await;
        }
    }
    nodes.try_into().map_err(|_| "three nodes".into())
}

/// Registers names by number, each third at each node; how many had to be asked for again, as they
/// have to be where an election takes longer than a registration may.
async fn register(
    nodes: &[Arc<RaftNode>; 3],
    numbers: Range<u64>,
    under_way_max: usize,
) -> Result<u64, Box<dyn Error>> {
    let mut under_way = FuturesUnordered::new();
    let mut again = 0;
    for number in numbers {
        // In no order, as names come.
        let text = format!("user-{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let name: Name = text.parse()?;
        if under_way.len() >= under_way_max * nodes.len() {
            again += under_way.next().await.transpose()?.unwrap_or(0);
        }
        under_way.push(register_one(&nodes[(number % 3) as usize], name, number));
    }
    while let Some(times) = under_way.next().await.transpose()? {
        again += times;
    }
    Ok(again)
}

async fn register_one(node: &RaftNode, name: Name, number: u64) -> Result<u64, RegisterError> {
    let connection = MintedId::from_bytes(u128::from(number).to_be_bytes());
    let mut again = 0;
    loop {
        let registered = node.register_name(name.clone(), connection, NamePolicy::IfFree);
        match registered.await {
            Ok(_) => return Ok(again),
            Err(RegisterError::Unavailable | RegisterError::NotMember) => {
                again += 1;
                sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// What this process has in memory.
fn memory_bytes(environment: &Environment) -> u64 {
    let status = environment.disk().read(Path::new("/proc/self/status"));
    let status = String::from_utf8(status.unwrap_or_default()).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// The nodes of this process.
#[derive(Debug, Default)]
struct Here {
    nodes: Mutex<BTreeMap<NodeId, Weak<RaftNode>>>,
}

impl Here {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeId, Weak<RaftNode>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One node's calls to the others, without a network between.
#[derive(Debug)]
struct Link {
    own: NodeId,
    here: Arc<Here>,
    environment: Environment,
}

#[async_trait]
impl ControlNetwork for Link {
    async fn call(
        &self,
        to: &NodeId,
        request: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, CallError> {
        let node = self.here.lock().get(to).and_then(Weak::upgrade);
        let node = node.ok_or(CallError::Unreachable)?;
        let from = self.own.clone();
        // A task of its own: what was asked for goes on if the asker gives up.
        let answer = self
            .environment
            .spawn("answer", async move { node.handle(&from, request).await });
        match timeout(deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(CallError::Deadline),
        }
    }
}
