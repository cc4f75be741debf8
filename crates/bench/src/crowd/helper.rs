use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::mpsc;

use serde::{Deserialize, Serialize};

use super::held::{Held, Release};
use super::part::{Part, gather};
use super::{Opened, Said};
use crate::machine::{HelperOutput, spawn_helper, spawn_thread};
use crate::{BenchError, Progress};

/// A program that opens a part of a crowd, for what one process may not: it calls [`help`] with its standard input
/// and output.
#[derive(Clone, Debug)]
pub struct Helper {
    /// The program.
    pub program: PathBuf,
    /// What it is told on its command line.
    pub arguments: Vec<String>,
}

/// What a helper says, each a line of JSON.
#[derive(Debug, Deserialize, Serialize)]
enum Word {
    /// So many are open, or have failed.
    Tried(usize),
    Opened(Box<Opened>),
    Released(BTreeMap<String, u64>),
    Failed(String),
}

/// Opens the part of a crowd that the first line of `input` names, and holds it until `input` ends. Says to
/// `output` what becomes of it.
///
/// # Errors
/// `input` cannot be read, or nobody hears `output`. That connections do not open is said there.
pub fn help(input: &mut dyn BufRead, output: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let part: Part = serde_json::from_str(&line)?;
    let mut spoken = Ok(());
    let mut say = |word: &Word| {
        if spoken.is_ok() {
            spoken = tell(output, word);
        }
    };
    let held = part.crowd.check().and_then(|()| {
        let (said, hears) = mpsc::channel();
        let releases = part.open_here(&said)?;
        drop(said);
        let connections = part.crowd.connections;
        let opened = gather(&hears, releases.len(), connections, &mut |progress| {
            if let Progress::Opening { opened, .. } = progress {
                say(&Word::Tried(opened));
            }
        });
        say(&Word::Opened(Box::new(opened?)));
        Ok(Held { releases, hears })
    });
    let released = held.and_then(|held| {
        // An input that cannot be read has ended as well.
        let _ = input.read_line(&mut line);
        held.release()
    });
    say(&match released {
        Ok(lost) => Word::Released(lost),
        Err(error) => Word::Failed(error.to_string()),
    });
    spoken
}

fn tell(output: &mut dyn Write, word: &Word) -> io::Result<()> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}

impl Helper {
    /// Has a process open a part.
    pub(super) fn open(
        &self,
        part: &Part,
        said: mpsc::Sender<Said>,
    ) -> Result<Release, BenchError> {
        let helper = spawn_helper(&self.program, &self.arguments);
        let (mut input, output) = helper.map_err(BenchError::Machine)?;
        let part = serde_json::to_vec(part).map_err(BenchError::failed)?;
        let told = input
            .write_all(&[&part[..], b"\n"].concat())
            .and_then(|()| input.flush());
        told.map_err(BenchError::Machine)?;
        let body = move || pass_on(output, &said);
        spawn_thread("bench-helper", body).map_err(BenchError::Machine)?;
        Ok(Release::Process(input))
    }
}

/// Passes on what a helper says, until it ends.
fn pass_on(mut output: HelperOutput, said: &mpsc::Sender<Said>) {
    let mut tried = 0;
    let mut line = String::new();
    let is_done = loop {
        line.clear();
        let word = match output.read_line(&mut line) {
            Ok(1..) => serde_json::from_str(&line),
            Ok(0) | Err(_) => break false,
        };
        let (word, is_last) = match word {
            Ok(Word::Tried(all)) => {
                let more = all - tried;
                tried = all;
                (Said::Tried(more), false)
            }
            Ok(Word::Opened(opened)) => (Said::Opened(opened), false),
            Ok(Word::Released(lost)) => (Said::Released(lost), true),
            Ok(Word::Failed(why)) => (Said::Failed(BenchError::Failed(why)), true),
            Err(error) => (Said::Failed(BenchError::failed(error)), true),
        };
        // Whoever asked has given up: nobody to tell.
        let _ = said.send(word);
        if is_last {
            break true;
        }
    };
    if !is_done {
        let _ = said.send(Said::Failed(BenchError::failed(
            "a process of the generator ended early",
        )));
    }
}
