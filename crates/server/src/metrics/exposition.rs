//! The text format, version 0.0.4:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::{Display, Write};

use super::histogram::Distribution;
use super::{Family, Figures, Kind, families};

/// What the text is, for the header of the answer.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that is told, as text. A metric without a series at the moment is told with its
/// help and type all the same.
pub(crate) fn exposition(figures: &Figures<'_>) -> String {
    let mut text = String::new();
    for family in families() {
        let Family { name, kind, .. } = family;
        push(
            &mut text,
            format_args!("# HELP {name} {}\n", escaped(family.help, "\\\n")),
        );
        push(&mut text, format_args!("# TYPE {name} {}\n", kind.as_str()));
        let mut samples = Samples {
            family,
            text: &mut text,
        };
        (family.samples)(figures, &mut samples);
    }
    text
}

/// Takes the series of one metric.
#[derive(Debug)]
pub(super) struct Samples<'a> {
    family: &'static Family,
    text: &'a mut String,
}

impl Samples<'_> {
    /// One series: the values of its labels in the order of the metric's labels, and its value.
    pub(super) fn push<const LABELS: usize>(
        &mut self,
        labels: [&str; LABELS],
        value: impl Display,
    ) {
        debug_assert_eq!(LABELS, self.family.labels.len(), "{}", self.family.name);
        let labels = self.family.labels.iter().copied().zip(labels);
        self.line("", labels, value);
    }

    /// The series of a histogram without labels of its own.
    pub(super) fn push_distribution(&mut self, distribution: &Distribution) {
        debug_assert_eq!(self.family.kind, Kind::Histogram, "{}", self.family.name);
        for (bound, count) in &distribution.up_to {
            let bound = match bound.is_finite() {
                true => bound.to_string(),
                false => "+Inf".to_owned(),
            };
            self.line("_bucket", [("le", &*bound)], count);
        }
        self.line("_sum", [], distribution.sum_seconds);
        self.line("_count", [], distribution.count());
    }

    fn line<'a>(
        &mut self,
        suffix: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: impl Display,
    ) {
        push(self.text, format_args!("{}{suffix}", self.family.name));
        let mut has_labels = false;
        for (name, value) in labels {
            let before = if has_labels { ',' } else { '{' };
            let value = escaped(value, "\\\n\"");
            push(self.text, format_args!("{before}{name}=\"{value}\""));
            has_labels = true;
        }
        if has_labels {
            self.text.push('}');
        }
        push(self.text, format_args!(" {value}\n"));
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = text.write_fmt(arguments);
}

/// The text with a backslash before each of these characters; a line's end as `\n`.
fn escaped(text: &str, special: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if special.contains(character) {
            escaped.push('\\');
        }
        escaped.push(if character == '\n' { 'n' } else { character });
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    static FAMILY: Family = Family {
        name: "raftwire_things_total",
        kind: Kind::Counter,
        help: "",
        labels: &["one", "two"],
        samples: |_, _| {},
    };

    #[test]
    fn values_of_labels_are_escaped() {
        let mut text = String::new();
        let mut samples = Samples {
            family: &FAMILY,
            text: &mut text,
        };
        samples.push(["a\"b\\c\nd", "e"], 7);
        assert_eq!(
            text,
            "raftwire_things_total{one=\"a\\\"b\\\\c\\nd\",two=\"e\"} 7\n"
        );
    }

    #[test]
    fn a_histogram_is_told_by_its_buckets_its_sum_and_its_count() {
        static FAMILY: Family = Family {
            name: "raftwire_thing_seconds",
            kind: Kind::Histogram,
            help: "",
            labels: &[],
            samples: |_, _| {},
        };
        let mut text = String::new();
        let mut samples = Samples {
            family: &FAMILY,
            text: &mut text,
        };
        samples.push_distribution(&Distribution {
            up_to: vec![(0.0025, 1), (1.0, 1), (f64::INFINITY, 3)],
            sum_seconds: 4.5,
        });
        let expected = [
            "raftwire_thing_seconds_bucket{le=\"0.0025\"} 1",
            "raftwire_thing_seconds_bucket{le=\"1\"} 1",
            "raftwire_thing_seconds_bucket{le=\"+Inf\"} 3",
            "raftwire_thing_seconds_sum 4.5",
            "raftwire_thing_seconds_count 3",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn quotes_stay_as_they_are_in_help() {
        assert_eq!(escaped("a \"word\"\\\n", "\\\n"), "a \"word\"\\\\\\n");
    }
}
