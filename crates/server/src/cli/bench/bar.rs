use std::io::{self, IsTerminal as _, Write as _};

use raftwire_bench::Progress;

/// Characters of a whole bar.
const WIDTH: usize = 30;
/// Back to the beginning of the line, and nothing on it.
const CLEAR: &str = "\r\x1b[K";

/// How far a measurement is, on one line of a terminal; nothing where standard error is none.
#[derive(Debug)]
pub(super) struct Bar {
    is_shown: bool,
}

impl Bar {
    pub(super) fn new() -> Bar {
        Bar {
            is_shown: io::stderr().is_terminal(),
        }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        if self.is_shown {
            self.write(&format!("{CLEAR}{}", line(progress)));
        }
    }

    pub(super) fn clear(&mut self) {
        if self.is_shown {
            self.write(CLEAR);
        }
    }

    fn write(&mut self, text: &str) {
        let mut stderr = io::stderr();
        // Nobody looks any more.
        if write!(stderr, "{text}")
            .and_then(|()| stderr.flush())
            .is_err()
        {
            self.is_shown = false;
        }
    }
}

fn line(progress: Progress) -> String {
    let (what, share) = match progress {
        Progress::Opening { opened, of } => (
            format!("connected {opened} of {of}"),
            opened as f64 / of.max(1) as f64,
        ),
        Progress::Running { share } => (format!("{:.0} %", share * 100.0), share),
        _ => return String::new(),
    };
    let full = ((share * WIDTH as f64) as usize).min(WIDTH);
    format!("[{}{}] {what}", "#".repeat(full), " ".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_time_is_over() {
        let half = line(Progress::Running { share: 0.5 });
        assert_eq!(half.matches('#').count(), WIDTH / 2);
        assert!(half.ends_with(" 50 %"), "{half}");
        assert!(
            line(Progress::Running { share: 7.0 }).starts_with(&format!("[{}]", "#".repeat(WIDTH)))
        );
    }
}
