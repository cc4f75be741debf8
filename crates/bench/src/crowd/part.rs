use std::sync::mpsc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::held::Release;
use super::{Crowd, Opened, Said, thread};
use crate::conductor::PROGRESS_EVERY;
use crate::machine::{Nanos, spawn_thread};
use crate::{BenchError, Progress};

/// A part of a crowd, for a thread or for a process.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Part {
    pub(super) crowd: Crowd,
    /// The number of its first connection among all.
    pub(super) first: usize,
    /// Whether each connection says something once.
    pub(super) speaks: bool,
    /// Since when the crowd opens.
    pub(super) begin: Nanos,
}

impl Part {
    /// As many parts of about the same size.
    pub(super) fn split(&self, count: usize) -> impl Iterator<Item = Part> {
        (0..count).map(move |nth| {
            let begin_of = |nth: usize, of: usize| of * nth / count;
            let share = |of: usize| begin_of(nth + 1, of) - begin_of(nth, of);
            Part {
                crowd: Crowd {
                    connections: share(self.crowd.connections),
                    at_once: share(self.crowd.at_once).max(1),
                    threads: Some(share(self.crowd.threads()).max(1)),
                    ..self.crowd.clone()
                },
                first: self.first + begin_of(nth, self.crowd.connections),
                ..self.clone()
            }
        })
    }

    /// Opens it in threads of this process.
    pub(super) fn open_here(&self, said: &mpsc::Sender<Said>) -> Result<Vec<Release>, BenchError> {
        let mut releases = Vec::new();
        for part in self.split(self.crowd.threads()) {
            let (release, released) = oneshot::channel();
            let said = said.clone();
            let body = move || thread::open_and_hold(&part, &said, released);
            spawn_thread("bench", body).map_err(BenchError::Machine)?;
            releases.push(Release::Thread(release));
        }
        Ok(releases)
    }
}

/// Waits until so many parts are open.
pub(super) fn gather(
    hears: &mpsc::Receiver<Said>,
    parts: usize,
    of: usize,
    watch: &mut dyn FnMut(Progress),
) -> Result<Opened, BenchError> {
    let mut all = Opened::default();
    let (mut opened, mut ready) = (0, 0);
    let mut told = Nanos::default();
    while ready < parts {
        match hears.recv() {
            Ok(Said::Tried(count)) => opened += count,
            Ok(Said::Opened(one)) => {
                all.merge(*one);
                ready += 1;
            }
            Ok(Said::Failed(error)) => return Err(error),
            Ok(Said::Released(_)) | Err(_) => {
                return Err(BenchError::failed("a part of the generator ended early"));
            }
        }
        let now = Nanos::now();
        if told.after(PROGRESS_EVERY) < now {
            told = now;
            watch(Progress::Opening { opened, of });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServerKind;

    #[test]
    fn the_parts_are_the_whole() {
        let whole = Part {
            crowd: Crowd {
                servers: Vec::new(),
                kind: ServerKind::Node,
                trust: None,
                name_prefix: None,
                connections: 10,
                at_once: 2,
                threads: Some(5),
                helper: None,
            },
            first: 100,
            speaks: false,
            begin: Nanos(0),
        };
        let parts: Vec<_> = whole.split(3).collect();
        let ranges = parts
            .iter()
            .map(|part| (part.first, part.crowd.connections));
        assert_eq!(ranges.collect::<Vec<_>>(), [(100, 3), (103, 3), (106, 4)]);
        let at_once = parts.iter().map(|part| part.crowd.at_once);
        assert_eq!(at_once.collect::<Vec<_>>(), [1, 1, 1]);
        let threads = parts.iter().map(|part| part.crowd.threads());
        assert_eq!(threads.sum::<usize>(), 5);
    }
}
