//! Several threads that measure together: they get ready, begin, and say what they have seen.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;

use crate::machine::{CpuTime, Nanos, ServerProcess, ThreadTimes, cores, spawn_thread};
use crate::tally::Tally;
use crate::{BenchError, Progress};

/// From when all threads are ready until they begin together.
const START_TOGETHER: Duration = Duration::from_millis(20);
/// How often progress is told.
pub(crate) const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// How long after its end a thread may take to say what it has seen.
pub(crate) const LAST_WORD_MAX: Duration = Duration::from_secs(30);

/// What each thread does. A copy of it goes to each.
pub(crate) trait Work: Clone + Send + 'static {
    /// Opens the thread's share, says that it is ready, waits until it is told the times, and measures. Whoever
    /// tells them may give up instead: then what is returned goes nowhere.
    async fn work(
        &self,
        share: Share,
        say: &dyn Fn(Said),
        times: oneshot::Receiver<Times>,
    ) -> Result<Tally, BenchError>;
}

/// Which part is a thread's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// The thread's number, from 0.
    pub(crate) thread: usize,
    pub(crate) first: usize,
    pub(crate) count: usize,
    /// How many there are in all threads.
    pub(crate) of: usize,
}

/// When the run begins, when it counts, and when it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) begin: Nanos,
    pub(crate) measured: Nanos,
    pub(crate) end: Nanos,
}

/// What a thread says.
#[derive(Debug)]
pub(crate) enum Said {
    /// One more of its share is connected.
    Opened,
    /// All are.
    Ready,
    /// The run is over.
    Done(Box<Tally>),
    /// There is nothing to measure.
    Failed(BenchError),
}

/// What threads measure together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course<'a> {
    /// What is shared among the threads.
    pub(crate) of: usize,
    pub(crate) threads: usize,
    pub(crate) warm_up: Duration,
    pub(crate) length: Duration,
    pub(crate) pids: &'a [u32],
}

/// What they have seen.
#[derive(Debug)]
pub(crate) struct Conducted {
    pub(crate) tally: Tally,
    /// What each process has used meanwhile.
    pub(crate) servers: Vec<(u32, CpuTime)>,
}

/// How many threads share so much.
pub(crate) fn threads(asked: Option<usize>, of: usize) -> usize {
    asked.unwrap_or(cores() / 2).clamp(1, of)
}

/// Runs the threads. It blocks until they are done.
pub(crate) fn conduct(
    course: Course<'_>,
    work: &impl Work,
    watch: &mut dyn FnMut(Progress),
) -> Result<Conducted, BenchError> {
    let Course { of, threads, .. } = course;
    let processes = course.pids.iter();
    let processes = processes.map(|pid| (*pid, ServerProcess::new(*pid)));
    let processes: Vec<_> = processes.collect();
    cpu_of(&processes)?;
    let (said, hears) = mpsc::channel();
    let mut starts = Vec::new();
    for thread in 0..threads {
        let first = of * thread / threads;
        let share = Share {
            thread,
            first,
            count: of * (thread + 1) / threads - first,
            of,
        };
        let (start, started) = oneshot::channel();
        let (work, said) = (work.clone(), said.clone());
        let body = move || in_thread(&work, share, &said, started);
        spawn_thread("bench", body).map_err(BenchError::Machine)?;
        starts.push(start);
    }
    drop(said);

    opened(&hears, threads, of, watch)?;
    let begin = Nanos::now().after(START_TOGETHER);
    let measured = begin.after(course.warm_up);
    let end = measured.after(course.length);
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
    let servers = servers.map(|((pid, _), (before, after))| (*pid, after.since(before)));
    let servers = servers.collect();
    Ok(Conducted { tally, servers })
}

fn in_thread(
    work: &impl Work,
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
        Ok(runtime) => runtime.block_on(work.work(share, &say, times)),
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
pub(crate) fn cpu_of(processes: &[(u32, ServerProcess)]) -> Result<Vec<ThreadTimes>, BenchError> {
    let read = processes.iter().map(|(pid, process)| {
        process
            .cpu()
            .map_err(|error| BenchError::Process { pid: *pid, error })
    });
    read.collect()
}
