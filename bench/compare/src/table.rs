//! The results as Markdown: headings of the third level, so that it stands under one of a page.

use crate::case::Work;
use crate::figures::{Spread, short};
use crate::measure::Point;
use crate::results::{Setting, Told};
use crate::row::Row;

/// A machine with fewer running threads than this has nothing else to do.
const QUIET_LOAD: f64 = 0.5;

/// What a column is called, and what a row has in it.
type Column = (&'static str, fn(&Row<'_>) -> Option<String>);

const RATE: Column = ("messages/s", |row| spread(row, "per_second", 1.0));
const OF_LIMIT: Column = ("of the limit", |row| row.of_limit.map(short));
const OF_RAFTWIRE: Column = ("of Raftwire's", |row| row.of_raftwire.map(short));
const CPU: Column = ("servers' CPU, ns a message", |row| {
    spread(row, "server_cpu_ns", 1.0)
});
const P50: Column = ("p50, ms", |row| spread(row, "p50_us", 1e-3));
const P99: Column = ("p99, ms", |row| spread(row, "p99_us", 1e-3));
const P99_9: Column = ("p99.9, ms", |row| spread(row, "p99_9_us", 1e-3));
const MAX: Column = ("max, ms", |row| spread(row, "max_us", 1e-3));
const BOTTLENECK: Column = ("who had no more, and the cores that each used", |row| {
    row.bottleneck.clone()
});
const POINT: Column = ("asked", |row| {
    let point = match row.point {
        Point::Top => "as fast as it answers",
        Point::Quarter => "a quarter of it",
        Point::Half => "half of it",
    };
    Some(point.to_owned())
});
const P99_OF_RAFTWIRE: Column = ("p99 of Raftwire's", |row| row.of_raftwire.map(short));
const DELIVERY_RATE: Column = ("deliveries/s", |row| spread(row, "per_second", 1.0));
const DELIVERY_CPU: Column = ("servers' CPU, ns a delivery", |row| {
    spread(row, "server_cpu_ns", 1.0)
});
const LAST_P50: Column = ("the last receiver's p50, ms", |row| {
    spread(row, "last_p50_us", 1e-3)
});
const LAST_P99: Column = ("its p99, ms", |row| spread(row, "last_p99_us", 1e-3));
const CONNECTION_RATE: Column = ("connections/s", |row| spread(row, "per_second", 1.0));
const CONNECTION_CPU: Column = ("server's CPU, µs a connection", |row| {
    spread(row, "server_cpu_us", 1.0)
});
const IDLE_BYTES: Column = ("bytes a connection", |row| {
    spread(row, "bytes_per_connection", 1.0)
});
const IDLE_CPU: Column = ("CPU, µs a second and connection", |row| {
    spread(row, "server_cpu_us_per_second", 1.0)
});

fn columns(work: Work) -> &'static [Column] {
    match work {
        Work::Echo(_) | Work::Route(_) => &[RATE, OF_LIMIT, OF_RAFTWIRE, CPU, P50, P99, BOTTLENECK],
        Work::Latency(_) => &[POINT, RATE, P50, P99, P99_9, MAX, P99_OF_RAFTWIRE, CPU],
        Work::Fanout(_) => &[
            DELIVERY_RATE,
            OF_LIMIT,
            DELIVERY_CPU,
            P50,
            LAST_P50,
            LAST_P99,
            BOTTLENECK,
        ],
        Work::Storm => &[
            CONNECTION_RATE,
            OF_LIMIT,
            OF_RAFTWIRE,
            CONNECTION_CPU,
            P50,
            P99,
            BOTTLENECK,
        ],
        Work::Idle => &[IDLE_BYTES, OF_RAFTWIRE, IDLE_CPU],
    }
}

pub(crate) fn write(setting: &Setting, told: &[Told<'_>]) -> String {
    let mut lines = vec![how(setting), String::new()];
    lines.push("![Rates by case and system](results.svg)".to_owned());
    for told in told {
        lines.push(format!("\n### {}\n", told.title));
        lines.extend(case(told));
    }
    lines.push("\n### Who acknowledges what\n".to_owned());
    lines.push("| | what was measured | who acknowledges what |\n|---|---|---|".to_owned());
    for system in &setting.systems {
        let means = match (&system.missing, system.acknowledgement) {
            (Some(why), _) => &format!("left out: {why}"),
            (None, Some(means)) => means,
            (None, None) => "it returns messages, and passes none on",
        };
        let (name, version) = (system.name, &system.version);
        lines.push(format!("| {name} | {version} | {} |", cell(means)));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn how(setting: &Setting) -> String {
    let machine = &setting.machine;
    let pinned = match setting.pinned {
        true => {
            "A single server has the first core and the generator the others; in cases from node to node all processes share all cores."
        }
        false => "All processes share all cores: nothing could be pinned here.",
    };
    let load = match machine.load_before {
        ..QUIET_LOAD => String::new(),
        load => {
            format!(" **The machine was busy with something else: {load} threads ran before.**")
        }
    };
    format!(
        "`{}` on {} cores ({}), {} GiB, Linux {}: medians of {} rounds (least to most), {} s for each rate, {} connections in a storm and idle. Each round measures every system in turn, with servers that have just started; ratios are of the same round. {pinned}{load}",
        setting.command,
        machine.cores,
        machine.processor,
        short(machine.memory_gib),
        machine.kernel,
        setting.rounds,
        setting.seconds,
        setting.crowd,
    )
}

fn case(told: &Told<'_>) -> Vec<String> {
    let columns = columns(told.case.work);
    let heads = columns.iter().map(|(head, _)| *head);
    let mut lines = vec![
        format!("| | {} |", heads.collect::<Vec<_>>().join(" | ")),
        format!("|---|{}", "---|".repeat(columns.len())),
    ];
    let mut remarks = Vec::new();
    for row in &told.rows {
        let title = row.system.title(told.case.work);
        let cells = columns.iter().map(|(_, of)| of(row));
        let cells = cells.map(|text| text.unwrap_or_else(|| "–".to_owned()));
        lines.push(format!(
            "| {title} | {} |",
            cells.collect::<Vec<_>>().join(" | ")
        ));
        let said = row.remarks.iter();
        remarks.extend(said.map(|remark| format!("- {title}, {}", cell(remark))));
    }
    if !remarks.is_empty() {
        lines.push(String::new());
        lines.extend(remarks);
    }
    lines
}

/// One line, without what ends a cell.
fn cell(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

fn spread(row: &Row<'_>, name: &str, unit: f64) -> Option<String> {
    let Spread { median, min, max } = row.figure(name)?;
    let [median, min, max] = [median, min, max].map(|value| short(value * unit));
    match row.rounds.len() {
        1 => Some(median),
        _ => Some(format!("{median} ({min} to {max})")),
    }
}
