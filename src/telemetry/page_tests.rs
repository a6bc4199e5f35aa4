//! `docs/metrics.md` is made of the table of metrics.

use std::fmt::Write;

use rolecall_adapters::metered::table;

const PAGE: &str = include_str!("../../docs/metrics.md");
const BEGIN: &str = "<!-- table: begin -->\n";
const END: &str = "<!-- table: end -->\n";

fn written() -> String {
    let mut out = String::from("\n| metric | kind | labels | what it tells |\n| --- | --- | --- | --- |\n");
    for metric in table::all() {
        let labels: Vec<String> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
        let (name, kind, labels) = (metric.name, metric.kind.as_str(), labels.join(", "));
        let _ = writeln!(out, "| `{name}` | {kind} | {labels} | {} |", metric.help);
    }
    out.push('\n');
    out
}

#[test]
fn the_page_about_metrics_has_the_table_of_the_code() {
    let between = PAGE
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once(END))
        .map(|(table, _)| table);
    assert_eq!(
        between,
        Some(written().as_str()),
        "docs/metrics.md; the table has to be:\n{}",
        written()
    );
}
