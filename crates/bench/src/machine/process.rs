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

impl CpuTime {
    pub(crate) fn since(self, then: CpuTime) -> CpuTime {
        CpuTime {
            // Threads of a process may have ended meanwhile, and taken what they used with them.
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

    /// Of all of its threads.
    pub(crate) fn cpu(&self) -> io::Result<CpuTime> {
        let mut sum = CpuTime::default();
        for thread in std::fs::read_dir(self.folder.join("task"))? {
            // A thread may end while it is read.
            let text = std::fs::read_to_string(thread?.path().join("schedstat"));
            if let Some(cpu) = text.ok().and_then(|text| schedstat(&text)) {
                sum.add(cpu);
            }
        }
        Ok(sum)
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
        assert!(process.cpu().unwrap().ran > 0);
    }
}
