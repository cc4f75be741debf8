//! Rates as bars: one panel for each case, one bar for each system, with its least and its most.

use std::fmt::Write as _;

use crate::case::Work;
use crate::figures::short;
use crate::results::Told;
use crate::system::System;

const WIDTH: f64 = 900.0;
/// Where bars begin: names stand before it.
const BAR_X: f64 = 250.0;
/// The longest bar; its number stands behind it.
const BAR_WIDTH: f64 = 520.0;
const BAR_HEIGHT: f64 = 16.0;
const ROW_HEIGHT: f64 = 22.0;
const HEAD_HEIGHT: f64 = 30.0;
const PANEL_GAP: f64 = 16.0;

/// An SVG of the cases that have a rate.
pub(crate) fn write(told: &[Told<'_>]) -> String {
    let has_rate = |told: &&Told<'_>| !matches!(told.case.work, Work::Latency(_) | Work::Idle);
    let mut body = String::new();
    let mut y = PANEL_GAP;
    for told in told.iter().filter(has_rate) {
        y = panel(&mut body, told, y) + PANEL_GAP;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

/// Where the next one may begin.
fn panel(body: &mut String, told: &Told<'_>, mut y: f64) -> f64 {
    let rates = told
        .rows
        .iter()
        .filter_map(|row| Some((row, row.figure("per_second")?)));
    let rates: Vec<_> = rates.collect();
    let most = rates.iter().map(|(_, rate)| rate.max).fold(1.0, f64::max);
    text(
        body,
        16.0,
        y + HEAD_HEIGHT / 2.0,
        "font-weight=\"bold\"",
        told.title,
    );
    y += HEAD_HEIGHT;
    for (row, rate) in rates {
        let x = |value: f64| BAR_X + BAR_WIDTH * value / most;
        let middle = y + BAR_HEIGHT / 2.0;
        let fill = match row.system {
            System::Raftwire => "#1f6feb",
            System::Limit => "#8b949e",
            _ => "#d29922",
        };
        let width = x(rate.median) - BAR_X;
        let _ = writeln!(
            body,
            "<rect x=\"{BAR_X}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR_HEIGHT}\" fill=\"{fill}\"/>"
        );
        let _ = writeln!(
            body,
            "<path d=\"M{:.1} {middle}H{:.1}\" stroke=\"#24292f\" stroke-width=\"2\"/>",
            x(rate.min),
            x(rate.max)
        );
        let name = row.system.title(told.case.work).replace('`', "");
        let end = format!("text-anchor=\"end\" x=\"{}\"", BAR_X - 8.0);
        let _ = writeln!(
            body,
            "<text {end} y=\"{}\">{}</text>",
            middle + 4.0,
            escaped(&name)
        );
        let number = format!("{}/s", short(rate.median));
        text(body, x(rate.max) + 8.0, middle + 4.0, "", &number);
        y += ROW_HEIGHT;
    }
    y
}

fn text(body: &mut String, x: f64, y: f64, more: &str, text: &str) {
    let text = escaped(text);
    let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\" {more}>{text}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
