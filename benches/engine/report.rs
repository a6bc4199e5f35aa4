//! The run as a table for people, and its place in docs/benchmarks.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::meter::Spread;
use crate::results::{Counting, Results, Row};

/// Between these lines of the page stands the run.
const BEGIN: &str = "<!-- the run -->";
const END: &str = "<!-- the end of the run -->";

/// The run as Markdown.
pub(crate) fn markdown(results: &Results, when: &str) -> String {
    let mut page = String::new();
    let memory = results
        .memory_gib
        .map_or(String::new(), |gib| format!(", {gib} GiB"));
    let commit = results.commit.as_deref().unwrap_or("unknown");
    let _ = writeln!(
        page,
        "Run of {when} on commit {commit}, {} cores{memory}; one fsync in the folder of the embedded store takes {} ms \
         (p50 / p99).\n",
        results.cores,
        pair(Some(results.fsync_ms))
    );
    if results.mongo_is_test_server {
        page.push_str(
            "**The Mongo server is the one of the tests**, which speaks MongoDB's protocol and is slow: jobs/s and times of \
             \"distributed\" say nothing about MongoDB. What counts there is how often it is asked.\n\n",
        );
    }
    loads(&mut page, &results.loads);
    commands(&mut page, &results.loads);
    counting(&mut page, &results.counting);
    processes(&mut page, results);
    targets(&mut page, results);
    for missing in &results.missing {
        let _ = writeln!(page, "* {missing}");
    }
    page.trim_end().to_owned()
}

fn number(n: f64) -> String {
    match n {
        n if n >= 1_000.0 => {
            let whole = format!("{n:.0}");
            let (head, tail) = whole.split_at(whole.len() - 3);
            format!("{head},{tail}")
        }
        n if n >= 100.0 => format!("{n:.0}"),
        n if n >= 10.0 => format!("{n:.1}"),
        n => format!("{n:.2}"),
    }
}

fn or_dash(n: Option<f64>) -> String {
    n.map_or("–".to_owned(), number)
}

fn pair(spread: Option<Spread>) -> String {
    spread.map_or("–".to_owned(), |s| {
        format!("{} / {}", number(s.p50), number(s.p99))
    })
}

fn each(map: &BTreeMap<String, f64>) -> String {
    if map.is_empty() {
        return "–".to_owned();
    }
    let all: Vec<String> = map
        .iter()
        .map(|(name, n)| format!("{name} {}", number(*n)))
        .collect();
    all.join(", ")
}

fn loads(page: &mut String, rows: &[Row]) {
    page.push_str(
        "| engine | load | jobs | jobs/s | accepted after (ms, p50 / p99) | accept → start (ms, p50 / p99) | store operations a \
         job | Redis calls a job | CPU a job (ms) | peak RSS (MiB) |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |\n",
    );
    for row in rows {
        let store = match (row.writes_per_job, row.commits_per_job) {
            (Some(writes), Some(commits)) => {
                format!("{} in {} commits", number(writes), number(commits))
            }
            _ => or_dash(row.store_ops_per_job),
        };
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.engine,
            row.load,
            number(row.jobs as f64).trim_end_matches(".00"),
            row.jobs_per_second.map_or("paced".to_owned(), number),
            pair(row.answer_ms),
            pair(row.start_ms),
            store,
            or_dash(row.redis_calls_per_job),
            each(&row.cpu_ms_per_job),
            each(&row.peak_rss_mib),
        );
    }
    page.push('\n');
}

fn commands(page: &mut String, rows: &[Row]) {
    page.push_str(
        "What is asked for, a job:\n\n| engine | load | Mongo | Redis |\n| --- | --- | --- | --- |\n",
    );
    for row in rows.iter().filter(|row| !row.redis_commands.is_empty()) {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} |",
            row.engine,
            row.load,
            each(&row.store_ops),
            each(&row.redis_commands)
        );
    }
    page.push('\n');
}

/// What metrics cost, by the medians of both kinds of runs; said as a figure only where it is more than what the runs without
/// differ by among themselves.
fn counting(page: &mut String, runs: &Counting) {
    let (Some(with), Some(without)) = (median(&runs.with), median(&runs.without)) else {
        return;
    };
    let share = (without.middle - with.middle) / without.middle * 100.0;
    let so = if (without.least..=without.most).contains(&with.middle) {
        "no more than what runs of one kind differ by".to_owned()
    } else {
        format!("{share:.1} %")
    };
    let _ = writeln!(
        page,
        "What counting for `/metrics` costs (embedded, one a call, 256 callers; medians of {} runs each, in turn, and the least and \
         the most): {} jobs/s with it, as every process that ships does, and {} without, so {so}.\n",
        runs.with.len(),
        with.told(),
        without.told(),
    );
}

/// The middle of some runs, and their ends.
struct Middle {
    least: f64,
    middle: f64,
    most: f64,
}

impl Middle {
    fn told(&self) -> String {
        let [least, middle, most] = [self.least, self.middle, self.most].map(number);
        format!("{middle} ({least} to {most})")
    }
}

fn median(values: &[f64]) -> Option<Middle> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(Middle {
        least: *sorted.first()?,
        middle: *sorted.get(sorted.len() / 2)?,
        most: *sorted.last()?,
    })
}

fn processes(page: &mut String, results: &Results) {
    page.push_str(
        "With nothing to do:\n\n| process | CPU (% of a core) | RSS (MiB) |\n| --- | ---: | ---: |\n",
    );
    for idle in &results.idle {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} |",
            idle.process,
            or_dash(idle.cpu_percent),
            or_dash(idle.rss_mib)
        );
    }
    page.push('\n');
}

/// What was aimed at, and whether this run reached it.
fn targets(page: &mut String, results: &Results) {
    let ours = |mode: &str| {
        let engine = format!("rolecall, {mode}");
        results.loads.iter().filter(move |row| row.engine == engine)
    };
    let most = |values: &mut dyn Iterator<Item = f64>| {
        values.fold(None, |a: Option<f64>, b| Some(a.map_or(b, |a| a.max(b))))
    };
    let fastest = most(&mut ours("embedded").filter_map(|row| row.jobs_per_second));
    let idle = |mode: &str| {
        ours(mode)
            .find(|row| row.load == crate::IDLE)
            .and_then(|row| row.start_ms)
    };
    // At full speed: whatever is paced shows mostly what happens in the background each second.
    let at_full_speed = || ours("distributed").filter(|row| row.jobs_per_second.is_some());
    let lines = [
        (
            "embedded: jobs/s, every acceptance and outcome on disk",
            "≥ 10,000".to_owned(),
            fastest,
            fastest.is_some_and(|n| n >= 10_000.0),
        ),
        at_most(
            "distributed: store operations a job, under load",
            4.0,
            most(&mut at_full_speed().filter_map(|r| r.store_ops_per_job)),
        ),
        at_most(
            "distributed: Redis calls a job, under load",
            3.0,
            most(&mut at_full_speed().filter_map(|r| r.redis_calls_per_job)),
        ),
        at_most(
            "embedded: accept → start idle, p50 (ms)",
            5.0,
            idle("embedded").map(|s| s.p50),
        ),
        at_most(
            "embedded: accept → start idle, p99 (ms)",
            25.0,
            idle("embedded").map(|s| s.p99),
        ),
        at_most(
            "idle process: CPU (% of a core), the most",
            1.0,
            most(&mut results.idle.iter().filter_map(|i| i.cpu_percent)),
        ),
        at_most(
            "idle process: RSS (MiB), the most",
            40.0,
            most(&mut results.idle.iter().filter_map(|i| i.rss_mib)),
        ),
    ];
    page.push_str("| aimed at | target | here | reached |\n| --- | ---: | ---: | --- |\n");
    for (what, target, here, reached) in lines {
        let reached = match here {
            None => "not measured",
            Some(_) if reached => "yes",
            Some(_) => "**no**",
        };
        let _ = writeln!(page, "| {what} | {target} | {} | {reached} |", or_dash(here));
    }
    page.push('\n');
}

/// One line of the targets: what, the target, the figure, whether it is reached.
type Target = (&'static str, String, Option<f64>, bool);

fn at_most(what: &'static str, most: f64, here: Option<f64>) -> Target {
    (what, format!("≤ {most}"), here, here.is_some_and(|n| n <= most))
}

/// Puts the run into its place on the page.
pub(crate) fn write(path: &Path, run: &str) -> Result<(), String> {
    let wrong = |e: std::io::Error| format!("{}: {e}", path.display());
    let page = std::fs::read_to_string(path).map_err(wrong)?;
    std::fs::write(
        path,
        placed(&page, run).ok_or_else(|| format!("{} has no place for a run", path.display()))?,
    )
    .map_err(wrong)
}

fn placed(page: &str, run: &str) -> Option<String> {
    let (head, rest) = page.split_once(BEGIN)?;
    let (_, tail) = rest.split_once(END)?;
    Some(format!("{head}{BEGIN}\n\n{run}\n\n{END}{tail}"))
}

/// A time as people write it, in UTC.
pub(crate) fn when(at: u64) -> String {
    let text = rolecall_core::Timestamp(i64::try_from(at).unwrap_or(0) * 1_000).to_rfc3339();
    text.get(..16).unwrap_or(&text).replace('T', " ") + " UTC"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_takes_the_place_of_the_last_one() {
        let page = format!("head\n{BEGIN}\nold\n{END}\ntail");
        let placed = placed(&page, "new").unwrap();
        assert_eq!(placed, format!("head\n{BEGIN}\n\nnew\n\n{END}\ntail"));
        assert_eq!(super::placed("no place", "new"), None);
    }

    #[test]
    fn a_target_that_is_missed_is_said_to_be_missed() {
        let row = |load: &str, ops: f64| Row {
            engine: "rolecall, distributed".to_owned(),
            load: load.to_owned(),
            store_ops_per_job: Some(ops),
            jobs_per_second: Some(1.0),
            ..Row::default()
        };
        let results = Results {
            loads: vec![row("a", 3.5), row("b", 4.5)],
            ..Results::default()
        };
        let page = markdown(&results, "now");
        let line = page
            .lines()
            .find(|l| l.contains("store operations a job, under"))
            .unwrap();
        assert!(line.contains("4.50") && line.contains("**no**"), "{line}");
        let line = page.lines().find(|l| l.contains("jobs/s, every")).unwrap();
        assert!(line.contains("not measured"), "{line}");
    }

    #[test]
    fn what_metrics_cost_is_told_by_medians_and_left_out_where_it_was_not_measured() {
        let mut results = Results::default();
        assert!(!markdown(&results, "now").contains("/metrics"));
        results.counting = Counting {
            with: vec![900.0, 1.0, 950.0],
            without: vec![1_000.0, 5_000.0, 910.0],
        };
        let page = markdown(&results, "now");
        assert!(
            page.contains("900 (1.00 to 950) jobs/s with it") && page.contains("so 10.0 %"),
            "{page}"
        );
        results.counting.without[2] = 899.0;
        assert!(markdown(&results, "now").contains("no more than what runs of one kind differ by"));
    }

    #[test]
    fn numbers_are_as_long_as_they_are_sure() {
        assert_eq!(
            [12_345.6, 123.4, 12.34, 1.234].map(number),
            ["12,346", "123", "12.3", "1.23"]
        );
    }
}
