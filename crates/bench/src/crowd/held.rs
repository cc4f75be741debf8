use std::collections::BTreeMap;
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::Said;
use crate::BenchError;
use crate::conductor::LAST_WORD_MAX;
use crate::machine::HelperInput;

/// Connections that are open. They end when it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    pub(super) releases: Vec<Release>,
    pub(super) hears: mpsc::Receiver<Said>,
}

/// Lets a part of the connections end. So does dropping it.
#[derive(Debug)]
pub(super) enum Release {
    Thread(oneshot::Sender<()>),
    Process(HelperInput),
}

impl Held {
    /// Ends all; those that had ended before, by why.
    pub(crate) fn release(self) -> Result<BTreeMap<String, u64>, BenchError> {
        let mut lost = BTreeMap::new();
        let parts = self.releases.len();
        for release in self.releases {
            match release {
                // One that has gone has said why.
                Release::Thread(release) => drop(release.send(())),
                Release::Process(input) => drop(input),
            }
        }
        let mut released = 0;
        while released < parts {
            match self.hears.recv_timeout(LAST_WORD_MAX) {
                Ok(Said::Released(one)) => {
                    released += 1;
                    for (why, count) in one {
                        *lost.entry(why).or_default() += count;
                    }
                }
                Ok(Said::Failed(error)) => return Err(error),
                Ok(_) => {}
                Err(_) => return Err(BenchError::failed("a part of the generator hangs")),
            }
        }
        Ok(lost)
    }
}
