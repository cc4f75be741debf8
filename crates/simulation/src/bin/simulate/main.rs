//! Runs simulated clusters, a seed each, and says which of them went wrong.

mod apart;
mod kind;
mod tally;
mod verdict;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use clap::Parser;
use raftwire_simulation::{Report, run};

use self::apart::run_apart;
use self::kind::{Kind, Plan, Wrong};
use self::tally::{Tally, print_failure};
use self::verdict::Verdict;

/// Prints a line. Whoever closes the pipe wants no more of it.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}
use say;

/// Whole clusters in simulated time.
#[derive(Debug, Parser)]
struct Options {
    /// How many seeds to run, each in a process of its own.
    #[arg(long, default_value_t = 100, value_name = "N")]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1, value_name = "K")]
    first: u64,
    /// One seed only.
    #[arg(long, conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// What is simulated.
    #[arg(long, value_enum, default_value_t = Kind::Drawn)]
    scenario: Kind,
    /// What the nodes do wrong on purpose.
    #[arg(long, value_enum)]
    wrong: Option<Wrong>,
    /// Print what happens, with --seed; what the nodes log goes to standard error, as much of it as
    /// RUST_LOG says.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Print what came of it for another process, with --seed.
    #[arg(long, requires = "seed", conflicts_with = "trace", hide = true)]
    verdict: bool,
    /// How many run at a time. Default: as many as the machine has cores.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let plan = Plan {
        kind: options.scenario,
        wrong: options.wrong,
    };
    let failed = match options.seed {
        Some(seed) if options.verdict => {
            let report = run(&plan.scenario(seed), None);
            let _ = write!(std::io::stdout(), "{}", Verdict::from(&report));
            !report.violations.is_empty()
        }
        Some(seed) => run_one(plan, seed, options.trace),
        None => run_many(plan, &options),
    };
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Runs one seed and prints its hash; whether it failed.
fn run_one(plan: Plan, seed: u64, traced: bool) -> bool {
    if traced {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .without_time();
        log.with_writer(std::io::stderr).init();
    }
    let scenario = plan.scenario(seed);
    let mut print = |line: &str| say!("{line}");
    let report = run(&scenario, if traced { Some(&mut print) } else { None });
    say!("{}", summary(&report));
    say!("trace {}", report.trace);
    print_failure(plan, &Verdict::from(&report))
}

fn summary(report: &Report) -> String {
    let Report {
        seed,
        simulated,
        recovery,
        messages,
        last_term,
        packets,
        ..
    } = report;
    let recovery = recovery.map_or("not".to_owned(), |took| format!("in {took:?}"));
    format!(
        "seed {seed}: {simulated:?}, {messages} messages, {} packets, last term {last_term}, \
         longest without a leader {:?}, recovered {recovery}",
        packets.accepted, report.longest_leaderless
    )
}

/// Runs many seeds on all cores; whether any failed.
fn run_many(plan: Plan, options: &Options) -> bool {
    let (seeds, first) = (options.seeds, options.first);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or(cores).max(1);
    let next = AtomicU64::new(0);
    let (verdicts, received) = mpsc::channel();
    let mut tally = Tally::default();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (next, verdicts) = (&next, verdicts.clone());
            scope.spawn(move || {
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && number < seeds
                {
                    if verdicts.send(run_apart(plan, first + number)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(verdicts);
        for verdict in received {
            tally.add(plan, verdict, seeds);
        }
    });
    tally.print(plan);
    tally.has_failed()
}
