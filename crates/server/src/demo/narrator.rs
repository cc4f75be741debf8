//! Tells what happens while it happens.

use std::time::{Duration, Instant};

use raftwire_environment::Environment;

use crate::cli::{Output, Style};

/// Writes lines that begin with the time since the start.
#[derive(Clone, Debug)]
pub(super) struct Narrator {
    environment: Environment,
    output: Output,
    started: Instant,
}

impl Narrator {
    pub(super) fn new(environment: Environment, output: Output) -> Narrator {
        let started = environment.now();
        Narrator {
            environment,
            output,
            started,
        }
    }

    /// What happens now.
    pub(super) fn tell(&self, style: Style, text: &str) {
        let at = self
            .environment
            .now()
            .saturating_duration_since(self.started);
        let at = self
            .output
            .paint(Style::Dim, &format!("{:>7.2} s", at.as_secs_f64()));
        self.output
            .line(&format!("{at}  {}", self.output.paint(style, text)));
    }

    /// A detail of what was told last.
    pub(super) fn add(&self, text: &str) {
        self.plain(Style::Plain, &format!("{:11}{text}", ""));
    }

    /// A line without the time.
    pub(super) fn plain(&self, style: Style, text: &str) {
        self.output.line(&self.output.paint(style, text));
    }

    /// Since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.environment
            .now()
            .saturating_duration_since(self.started)
    }
}

/// A duration with three figures, in the unit that suits it.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds if seconds >= 0.01 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{:.2} ms", seconds * 1e3),
    }
}

/// A number with a comma between its thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_are_easy_to_read() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        let spans = [1_500_000, 42_000, 420].map(|micros| span(Duration::from_micros(micros)));
        assert_eq!(spans, ["1.50 s", "42 ms", "0.42 ms"]);
    }
}
