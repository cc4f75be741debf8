use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Processor time, in nanoseconds, as the scheduler counts it.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct CpuTime {
    /// It ran, in user space or in the kernel for it.
    pub(crate) ran: u64,
    /// It could have run, and had no core.
    pub(crate) waited: u64,
}

/// What each thread of a process has used.
#[derive(Debug)]
pub(crate) struct ThreadTimes {
    threads: BTreeMap<OsString, CpuTime>,
}

impl ThreadTimes {
    /// What those have used since then that are there. A thread that has ended took what it used with it, and must
    /// not take from the others.
    pub(crate) fn since(&self, then: &ThreadTimes) -> CpuTime {
        let mut sum = CpuTime::default();
        for (thread, cpu) in &self.threads {
            let before = then.threads.get(thread).copied().unwrap_or_default();
            sum.add(cpu.since(before));
        }
        sum
    }
}

impl CpuTime {
    pub(crate) fn since(self, then: CpuTime) -> CpuTime {
        CpuTime {
            // The number of a thread that has ended may be another's.
            ran: self.ran.saturating_sub(then.ran),
            waited: self.waited.saturating_sub(then.waited),
        }
    }

    /// It ran, or would have.
    pub(crate) fn busy(self) -> u64 {
        self.ran + self.waited
    }

    pub(crate) fn add(&mut self, other: CpuTime) {
        self.ran += other.ran;
        self.waited += other.waited;
    }
}

/// Of the thread that asks; none where the system does not count.
pub(crate) fn cpu_of_this_thread() -> CpuTime {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat");
    text.ok()
        .and_then(|text| schedstat(&text))
        .unwrap_or_default()
}

/// A process on this machine that is measured beside what is asked of it.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    folder: PathBuf,
}

impl ServerProcess {
    pub(crate) fn new(pid: u32) -> ServerProcess {
        ServerProcess {
            folder: PathBuf::from(format!("/proc/{pid}")),
        }
    }

    /// Of each of its threads.
    pub(crate) fn cpu(&self) -> io::Result<ThreadTimes> {
        let mut threads = BTreeMap::new();
        for thread in std::fs::read_dir(self.folder.join("task"))? {
            let thread = thread?;
            // A thread may end while it is read.
            let text = std::fs::read_to_string(thread.path().join("schedstat"));
            if let Some(cpu) = text.ok().and_then(|text| schedstat(&text)) {
                threads.insert(thread.file_name(), cpu);
            }
        }
        Ok(ThreadTimes { threads })
    }

    /// Its own memory that is resident, in bytes: no file's and no kernel's.
    pub(crate) fn own_memory(&self) -> io::Result<u64> {
        let status = std::fs::read_to_string(self.folder.join("status"))?;
        rss_anon(&status)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no RssAnon in its status"))
    }
}

/// `ran waited slices`
fn schedstat(text: &str) -> Option<CpuTime> {
    let mut numbers = text.split_ascii_whitespace();
    Some(CpuTime {
        ran: numbers.next()?.parse().ok()?,
        waited: numbers.next()?.parse().ok()?,
    })
}

fn rss_anon(status: &str) -> Option<u64> {
    let mut lines = status.lines();
    let rest = lines.find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_line_is_read() {
        let cpu = CpuTime {
            ran: 2_817_467,
            waited: 34_290,
        };
        assert_eq!(schedstat("2817467 34290 12\n"), Some(cpu));
        assert_eq!(schedstat(""), None);
    }

    #[test]
    fn the_memory_that_is_no_files_is_read() {
        let status = "Name:\tx\nVmRSS:\t   5000 kB\nRssAnon:\t    1204 kB\n";
        assert_eq!(rss_anon(status), Some(1204 * 1024));
        assert_eq!(rss_anon("Name:\tx\n"), None);
        let process = ServerProcess::new(std::process::id());
        assert!(process.own_memory().unwrap() > 0);
    }

    #[test]
    fn this_process_has_used_processor_time() {
        // The kernel counts at its own ticks.
        while cpu_of_this_thread().ran == 0 {
            std::hint::spin_loop();
        }
        let process = ServerProcess::new(std::process::id());
        let nothing = ThreadTimes {
            threads: BTreeMap::new(),
        };
        assert!(process.cpu().unwrap().since(&nothing).ran > 0);
    }

    #[test]
    fn a_thread_that_has_ended_takes_nothing_from_the_others() {
        let times = |threads: &[(&str, u64)]| ThreadTimes {
            threads: (threads.iter())
                .map(|(thread, ran)| {
                    (
                        OsString::from(thread),
                        CpuTime {
                            ran: *ran,
                            waited: 0,
                        },
                    )
                })
                .collect(),
        };
        let before = times(&[("1", 5), ("2", 1_000)]);
        let after = times(&[("1", 7), ("3", 10)]);
        assert_eq!(after.since(&before).ran, 12);
    }
}
