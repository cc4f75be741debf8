//! A file to begin with.

use super::key::Key;
use super::{Value, keys};

/// A configuration file that sets every key to its default, with what each is for, what it may be
/// and why its default is what it is. A key without a default stands there as a comment.
pub fn template() -> String {
    let mut text = String::from(
        "# Everything that a Raftwire node can be told, each key at its default. A variable is\n\
         # stronger than this file, a flag stronger than a variable.\n",
    );
    let mut section = None;
    for key in keys() {
        if key.section() != section {
            section = key.section();
            text.push_str(&format!("\n[{}]\n", section.unwrap_or_default()));
        }
        text.push('\n');
        for line in comment(key) {
            text.push_str(&format!("# {line}\n"));
        }
        let name = key.name.rsplit('.').next().unwrap_or(key.name);
        let line = match key.default {
            Some(default) => format!("{name} = {}\n", Value::Bare(default.to_owned()).toml()),
            None => format!("# {name} = {}\n", key.example),
        };
        text.push_str(&line);
    }
    text
}

fn comment(key: &Key) -> Vec<String> {
    let mut lines = vec![
        format!("{}.", key.help),
        format!("Allowed: {}.", key.allowed),
        format!("Variable {}.", key.variable()),
    ];
    if key.confidential {
        lines.push("Confidential: keep this file readable by the node alone.".to_owned());
    }
    if !key.reason.is_empty() {
        lines.push(format!("Why this default: {}.", lower_first(key.reason)));
    }
    lines
}

/// Words after a colon begin small, unless they are a name.
fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if !text.starts_with("WebSocket") => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_default_has_its_reason_and_what_has_none_an_example() {
        for key in keys() {
            assert_eq!(
                key.default.is_some(),
                !key.reason.is_empty(),
                "{}",
                key.name
            );
            assert_eq!(
                key.default.is_none(),
                !key.example.is_empty(),
                "{}",
                key.name
            );
        }
    }
}
