//! What the measurements ran on.

use std::fs;

use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) kernel: String,
    pub(crate) memory_gib: f64,
    /// Threads that ran or wanted to in the minute before the first measurement: it should be near 0.
    pub(crate) load_before: f64,
}

impl Machine {
    pub(crate) fn this(cores: usize) -> Machine {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let kib = field(&read("/proc/meminfo"), "MemTotal");
        let kib: f64 = (kib.split(' ').next()).map_or(0.0, |kib| kib.parse().unwrap_or_default());
        let load = read("/proc/loadavg");
        let load = load.split(' ').next().and_then(|load| load.parse().ok());
        Machine {
            cores,
            load_before: load.unwrap_or_default(),
            processor: field(&read("/proc/cpuinfo"), "model name"),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            memory_gib: kib / f64::from(1 << 20),
        }
    }
}

/// The value of the first line with this name; nothing where there is none.
fn field(text: &str, name: &str) -> String {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let value = lines.find(|(key, _)| key.trim() == name);
    value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "model\t\t: 85\nmodel name\t: A: processor\n";
        assert_eq!(field(text, "model name"), "A: processor");
        assert_eq!(field(text, "flags"), "");
    }
}
