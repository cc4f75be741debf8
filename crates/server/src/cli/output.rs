//! Lines for people.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// How a word is shown where colours are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As it is.
    Plain,
    /// What is looked for.
    Strong,
    /// What need not be read.
    Dim,
    /// As hoped.
    Good,
    /// Not as hoped.
    Bad,
}

/// Where lines for people go. Clones write to the same place, line by line.
#[derive(Clone)]
pub struct Output {
    sink: Arc<Mutex<dyn Write + Send>>,
    in_colour: bool,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("in_colour", &self.in_colour)
            .finish_non_exhaustive()
    }
}

impl Output {
    pub(crate) fn stdout() -> Output {
        Output {
            in_colour: wants_colour(io::stdout().is_terminal()),
            sink: Arc::new(Mutex::new(io::stdout())),
        }
    }

    pub(crate) fn stderr() -> Output {
        Output {
            in_colour: false,
            sink: Arc::new(Mutex::new(io::stderr())),
        }
    }

    /// Writes a line. Nobody reads any more: nothing is lost.
    pub(crate) fn line(&self, text: &str) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        drop(writeln!(sink, "{text}").and_then(|()| sink.flush()));
    }

    /// The text in a style, where colours are shown.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Plain => return text.to_owned(),
            Style::Strong => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Bad => "1;31",
        };
        if self.in_colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// On a terminal, unless the person asked for none (<https://no-color.org>).
fn wants_colour(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
