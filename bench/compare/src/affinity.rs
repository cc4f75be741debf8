use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Which cores a server and the generator have, so that neither takes the other's.
#[derive(Clone, Debug)]
pub(crate) struct Affinity {
    all: CpuSet,
    apart: Option<(CpuSet, CpuSet)>,
}

/// Who is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    Server,
    Generator,
}

impl Affinity {
    /// The first core is the server's, the others are the generator's. One core alone, or a kernel that does not
    /// allow it, is everybody's.
    pub(crate) fn new() -> Affinity {
        let all = sched_getaffinity(None).unwrap_or_default();
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
        let (mut server, mut generator) = (CpuSet::new(), CpuSet::new());
        if let Some(first) = cores.next() {
            server.set(first);
        }
        cores.for_each(|core| generator.set(core));
        let is_possible = generator.count() > 0 && sched_setaffinity(None, &all).is_ok();
        Affinity {
            all,
            apart: is_possible.then_some((server, generator)),
        }
    }

    pub(crate) fn is_possible(&self) -> bool {
        self.apart.is_some()
    }

    pub(crate) fn cores(&self) -> usize {
        self.all.count().max(1) as usize
    }

    /// Runs something whose threads and processes have the cores of this runner; without one, all.
    pub(crate) fn on<T>(&self, runner: Option<Runner>, run: impl FnOnce() -> T) -> T {
        let (Some((server, generator)), Some(runner)) = (&self.apart, runner) else {
            return run();
        };
        let cores = match runner {
            Runner::Server => server,
            Runner::Generator => generator,
        };
        // That it is allowed was seen before.
        let _ = sched_setaffinity(None, cores);
        let ran = run();
        let _ = sched_setaffinity(None, &self.all);
        ran
    }
}
