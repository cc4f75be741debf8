//! What it amounts to.

use super::acts::Acts;
use super::ledger::Tally;
use super::narrator::{count, span};
use super::{DemoError, Narrator};
use crate::cli::Style;

/// Prints the summary.
///
/// # Errors
/// [`DemoError::Broken`] where the account does not balance.
pub(super) fn print(acts: &Acts, narrator: &Narrator) -> Result<(), DemoError> {
    let facts = &acts.facts;
    let ledger = acts.traffic.ledger();
    let (living, touched) = (ledger.tally(false), ledger.tally(true));
    let complaints = ledger.complaints();
    drop(ledger);

    let row = |what: &str, value: &str| {
        narrator.plain(Style::Plain, &format!("  {what:<46}{value:>10}"));
    };
    narrator.plain(Style::Plain, "");
    narrator.plain(
        Style::Strong,
        &format!("Summary: 3 nodes, {} clients", count(facts.clients as u64)),
    );
    row("first leader, after the start", &span(facts.election));
    row(
        "route between nodes, until received, median",
        &span(facts.route_median),
    );
    row(
        "route between nodes, until received, p99",
        &span(facts.route_p99),
    );
    row(
        "new leader, after the leader was killed",
        &span(facts.failover),
    );
    row("the death agreed on, after the kill", &span(facts.death));
    row(
        "slowest answer between the others meanwhile",
        &span(facts.slowest),
    );
    row(
        "the killed node a member again, after its start",
        &span(facts.comeback),
    );

    narrator.plain(Style::Plain, "");
    narrator.plain(Style::Strong, "Messages between clients whose nodes lived");
    messages(&living, &row);
    narrator.plain(Style::Plain, "");
    narrator.plain(
        Style::Strong,
        "Messages from or to clients of the killed node",
    );
    messages(&touched, &row);
    row(
        "acknowledged, their receiver killed meanwhile",
        &count(touched.ended),
    );
    row("unknown, and said so", &count(touched.unknown));

    narrator.plain(Style::Plain, "");
    if complaints.is_empty() {
        let took = span(narrator.elapsed());
        let text = format!(
            "Messages lost: 0. Every acknowledged message was received once, in order. ({took})"
        );
        narrator.plain(Style::Good, &text);
        return Ok(());
    }
    Err(DemoError::Broken(complaints.join("; ")))
}

fn messages(tally: &Tally, row: &impl Fn(&str, &str)) {
    row("sent", &count(tally.sent));
    row("acknowledged", &count(tally.acknowledged));
    row(
        "of these received, once and in order",
        &count(tally.received),
    );
    row("of these lost", &count(tally.lost));
    if tally.not_sent > 0 {
        row("not sent, and said so", &count(tally.not_sent));
    }
}
