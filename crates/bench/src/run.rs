use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;

use crate::dialect::NUMBER_BYTES;
use crate::machine::{CpuTime, Nanos, ServerProcess, cores, open_files_max, spawn_thread};
use crate::tally::Tally;
use crate::worker::{Said, Share, Times, work};
use crate::{BenchError, Plan, Report};

/// From when all threads are ready until they begin together.
const START_TOGETHER: Duration = Duration::from_millis(20);
/// How often progress is told.
pub(crate) const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// How long after its end a thread may take to say what it has seen.
pub(crate) const LAST_WORD_MAX: Duration = Duration::from_secs(30);

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// So many of the senders are connected.
    Opening {
        /// Those that are.
        opened: usize,
        /// All of them.
        of: usize,
    },
    /// It warms up, or is measured.
    Running {
        /// This share of the time is over, 0 to 1.
        share: f64,
    },
}

/// Measures what the plan says. It blocks until that is done, in threads of its own, and tells of its
/// progress a few times a second.
///
/// # Errors
/// See [`BenchError`]. A server that answers wrongly is one; that some connections ended is not, and is in
/// the report.
pub fn run(plan: &Plan, watch: &mut dyn FnMut(Progress)) -> Result<Report, BenchError> {
    check(plan)?;
    let processes = plan.pids.iter().map(|pid| (*pid, ServerProcess::new(*pid)));
    let processes: Vec<_> = processes.collect();
    cpu_of(&processes)?;
    let senders = plan.scenario.senders();
    let threads = plan.threads.unwrap_or(cores() / 2).clamp(1, senders);
    let (said, hears) = mpsc::channel();
    let mut starts = Vec::new();
    for thread in 0..threads {
        let first = senders * thread / threads;
        let count = senders * (thread + 1) / threads - first;
        let share = Share {
            first,
            count,
            senders,
        };
        let (start, started) = oneshot::channel();
        let (plan, said) = (plan.clone(), said.clone());
        let body = move || in_thread(&plan, share, &said, started);
        spawn_thread("bench", body).map_err(BenchError::Machine)?;
        starts.push(start);
    }
    drop(said);

    opened(&hears, threads, senders, watch)?;
    let begin = Nanos::now().after(START_TOGETHER);
    let measured = begin.after(plan.warm_up);
    let end = measured.after(plan.length);
    let times = Times {
        begin,
        measured,
        end,
    };
    for start in starts {
        // A thread that has gone has said why.
        let _ = start.send(times);
    }
    let mut tally = Tally::default();
    let mut running = threads;
    let tell = &mut |now: Nanos| {
        let share = now.since(begin) as f64 / end.since(begin).max(1) as f64;
        watch(Progress::Running {
            share: share.min(1.0),
        });
    };
    wait(&hears, measured, &mut tally, &mut running, tell)?;
    let before = cpu_of(&processes)?;
    wait(&hears, end, &mut tally, &mut running, tell)?;
    let after = cpu_of(&processes)?;
    while running > 0 {
        match hears.recv_timeout(LAST_WORD_MAX) {
            Ok(said) => hear(said, &mut tally, &mut running)?,
            Err(_) => {
                return Err(BenchError::Failed(
                    "a thread of the generator hangs".to_owned(),
                ));
            }
        }
    }
    let servers = processes.iter().zip(before.iter().zip(after));
    let servers = servers.map(|((pid, _), (before, after))| (*pid, after.since(*before)));
    Ok(Report::new(plan, threads, &tally, servers.collect()))
}

fn check(plan: &Plan) -> Result<(), BenchError> {
    use crate::Scenario::{Echo, Route};
    let (Echo {
        in_flight, bytes, ..
    }
    | Route {
        in_flight, bytes, ..
    }) = &plan.scenario;
    for (what, count) in [
        ("the number of connections", plan.scenario.senders()),
        ("the number of messages in flight", *in_flight),
        ("the length of a message", *bytes),
        ("the number of threads", plan.threads.unwrap_or(1)),
        (
            "the length of the measurement",
            plan.length.as_millis() as usize,
        ),
    ] {
        if count == 0 {
            return Err(BenchError::Nothing(what));
        }
    }
    if plan.scenario.is_answered_by_arrival() && *bytes < NUMBER_BYTES {
        return Err(BenchError::Short {
            bytes: *bytes,
            min: NUMBER_BYTES,
        });
    }
    if let Some(rate) = plan.rate.filter(|rate| !rate.is_finite() || *rate <= 0.0) {
        return Err(BenchError::Rate(rate));
    }
    let (connections, max) = (plan.scenario.connections(), open_files_max());
    if connections > max {
        return Err(BenchError::OpenFiles { connections, max });
    }
    Ok(())
}

fn in_thread(
    plan: &Plan,
    share: Share,
    said: &mpsc::Sender<Said>,
    times: oneshot::Receiver<Times>,
) {
    // Whoever asked has given up: nobody to tell.
    let say = |word: Said| drop(said.send(word));
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    let done = match runtime {
        Ok(runtime) => runtime.block_on(work(plan, share, &say, times)),
        Err(error) => Err(BenchError::Machine(error)),
    };
    say(done.map_or_else(Said::Failed, |tally| Said::Done(Box::new(tally))));
}

/// Waits until every thread is ready.
fn opened(
    hears: &Receiver<Said>,
    threads: usize,
    of: usize,
    watch: &mut dyn FnMut(Progress),
) -> Result<(), BenchError> {
    let (mut opened, mut ready) = (0, 0);
    let mut told = Nanos::default();
    while ready < threads {
        match hears.recv() {
            Ok(Said::Opened) => opened += 1,
            Ok(Said::Ready) => ready += 1,
            Ok(Said::Failed(error)) => return Err(error),
            Ok(Said::Done(_)) | Err(_) => return Err(ended_early()),
        }
        let now = Nanos::now();
        if told.after(PROGRESS_EVERY) < now {
            told = now;
            watch(Progress::Opening { opened, of });
        }
    }
    Ok(())
}

/// Waits until then, and hears what is said meanwhile.
fn wait(
    hears: &Receiver<Said>,
    then: Nanos,
    tally: &mut Tally,
    running: &mut usize,
    tell: &mut dyn FnMut(Nanos),
) -> Result<(), BenchError> {
    loop {
        let now = Nanos::now();
        if now >= then {
            return Ok(());
        }
        tell(now);
        match hears.recv_timeout(then.until().min(PROGRESS_EVERY)) {
            Ok(said) => hear(said, tally, running)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if *running == 0 => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => return Err(ended_early()),
        }
    }
}

fn hear(said: Said, tally: &mut Tally, running: &mut usize) -> Result<(), BenchError> {
    match said {
        Said::Done(one) => {
            tally.merge(*one);
            *running -= 1;
            Ok(())
        }
        Said::Failed(error) => Err(error),
        Said::Opened | Said::Ready => Ok(()),
    }
}

fn ended_early() -> BenchError {
    BenchError::Failed("a thread of the generator has ended early".to_owned())
}

/// The processor time of each process.
pub(crate) fn cpu_of(processes: &[(u32, ServerProcess)]) -> Result<Vec<CpuTime>, BenchError> {
    let read = processes.iter().map(|(pid, process)| {
        process
            .cpu()
            .map_err(|error| BenchError::Process { pid: *pid, error })
    });
    read.collect()
}
