//! The text format, version 0.0.4:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::{Display, Write};

use raftwire::ClusterMetrics;

use super::{Family, families};

/// What the text is, for the header of the answer.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything that is told, as text. A metric without a series at the moment is told with its
/// help and type all the same.
pub fn exposition(metrics: &ClusterMetrics) -> String {
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
        (family.samples)(metrics, &mut samples);
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
        self.text.push_str(self.family.name);
        for (place, (name, value)) in self.family.labels.iter().zip(labels).enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let value = escaped(value, "\\\n\"");
            push(self.text, format_args!("{before}{name}=\"{value}\""));
        }
        if LABELS > 0 {
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
    use crate::metrics::Kind;

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
    fn quotes_stay_as_they_are_in_help() {
        assert_eq!(escaped("a \"word\"\\\n", "\\\n"), "a \"word\"\\\\\\n");
    }
}
