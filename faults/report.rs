//! What people read: a table of one case, and docs/reliability.md of a run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use crate::check::Report;
use crate::runner::Played;

/// One case as a table.
pub(crate) fn table(report: &Report) -> String {
    let mut text = format!(
        "{}: {} jobs, {} repeated changes\n",
        report.case, report.jobs, report.duplicates
    );
    for finding in &report.findings {
        let _ = writeln!(
            text,
            "  {:4} {:11} {}  {}",
            finding.id, finding.result, finding.name, finding.note
        );
    }
    text
}

fn seconds(ms: Option<i64>) -> String {
    ms.map_or_else(|| "–".to_owned(), |ms| format!("{:.1}", ms as f64 / 1000.0))
}

/// The one below which so many of a hundred lie.
fn percentile(sorted: &[i64], of_hundred: usize) -> Option<i64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last * of_hundred).div_ceil(100)).copied()
}

fn said_by(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .output()
        .ok()
        .filter(|o| o.status.success());
    output.map_or_else(
        || "unknown".into(),
        |o| String::from_utf8_lossy(&o.stdout).trim().to_owned(),
    )
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory
        .lines()
        .find_map(|l| l.strip_prefix("MemTotal:"))
        .and_then(|l| l.split_whitespace().next());
    let gib = kib
        .and_then(|k| k.parse::<u64>().ok())
        .map_or_else(String::new, |k| format!(", {} GiB", k >> 20));
    format!("{cores} cores{gib}")
}

/// The commit, and whether anything but the page itself is not as it is there: the parts of the page are written one after
/// the other.
fn commit() -> String {
    let id = said_by("git", &["describe", "--always", "--abbrev=12"]);
    let others = [
        "diff",
        "--name-only",
        "HEAD",
        "--",
        ":/",
        ":(top,exclude)docs/reliability.md",
    ];
    let is_as_it_was = said_by("git", &others).is_empty();
    if is_as_it_was { id } else { format!("{id}-dirty") }
}

/// When, of what, and on which machine this was played. `what`: such as `74 scenarios `, or nothing.
pub(crate) fn about(what: &str, seed: u64, took: f64) -> String {
    format!(
        "Run of {} on commit {}, {}, seed {seed}; {what}took {took:.0} s.\n\n",
        said_by("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        commit(),
        machine(),
    )
}

/// The report of a run, as Markdown.
pub(crate) fn markdown(played: &[Played], seed: u64, took: f64) -> String {
    let (red, green): (Vec<&Played>, Vec<&Played>) = played.iter().partition(|p| p.without.is_some());
    let mut text = about(&format!("{} scenarios ", played.len()), seed, took);
    if !green.is_empty() {
        scenarios(&mut text, &green);
        invariants(&mut text, &green);
    }
    if !red.is_empty() {
        mechanisms(&mut text, &red);
    }
    text
}

fn scenarios(text: &mut String, green: &[&Played]) {
    let mut recoveries: Vec<i64> = green.iter().filter_map(|p| p.recovery_ms).collect();
    recoveries.sort_unstable();
    let right = green.iter().filter(|p| p.is_right()).count();
    let deaths: usize = green.iter().map(|p| p.deaths).sum();
    let _ = writeln!(
        text,
        "{right} of {} scenarios end with every checked invariant holding. Processes died {deaths} times. From the end \
         of a fault to the first job that ended after it: half within {} s, 99 of 100 within {} s.\n",
        green.len(),
        seconds(percentile(&recoveries, 50)),
        seconds(percentile(&recoveries, 99)),
    );
    text.push_str("| scenario | deaths | first progress (s) | all done (s) | repeated changes | result |\n");
    text.push_str("| --- | ---: | ---: | ---: | ---: | --- |\n");
    for p in green {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            p.name,
            p.deaths,
            seconds(p.recovery_ms),
            seconds(p.drained_ms),
            p.report
                .as_ref()
                .map_or_else(|| "–".into(), |r| r.duplicates.to_string()),
            if p.is_right() {
                "holds".to_owned()
            } else {
                p.says().replace('|', "/")
            }
        );
    }
}

fn invariants(text: &mut String, played: &[&Played]) {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut counted: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for finding in played
        .iter()
        .filter_map(|p| p.report.as_ref())
        .flat_map(|r| &r.findings)
    {
        let place = ["holds", "broken", "not checked"]
            .iter()
            .position(|r| *r == finding.result)
            .unwrap_or(1);
        if !counted.contains_key(&finding.id) {
            all.push((finding.id.clone(), finding.name.clone()));
        }
        counted.entry(finding.id.clone()).or_default()[place] += 1;
    }
    text.push_str("\n### Invariants\n\n| | invariant | holds | broken | not checked |\n| --- | --- | ---: | ---: | ---: |\n");
    for (id, name) in all {
        let [holds, broken, not] = counted.get(&id).copied().unwrap_or_default();
        let _ = writeln!(text, "| {id} | {name} | {holds} | {broken} | {not} |");
    }
}

fn mechanisms(text: &mut String, played: &[&Played]) {
    let noticed = played.iter().filter(|p| p.is_right()).count();
    let _ = writeln!(text, "{noticed} of {} are noticed.\n", played.len());
    text.push_str("| taken away | scenario | should break | noticed | what the checker says |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
    for p in played {
        let (gone, noticed_by) = p.without.unwrap_or_default();
        let findings = p.report.iter().flat_map(|r| &r.findings);
        let note = findings
            .filter(|f| f.id == noticed_by && f.result == "broken")
            .map(|f| f.note.clone())
            .next();
        let mut note = note.unwrap_or_default().replace('|', "/");
        if note.chars().count() > 160 {
            note = note.chars().take(159).chain(['…']).collect();
        }
        let _ = writeln!(
            text,
            "| `{gone}` | {} | {noticed_by} | {} | {note} |",
            p.name,
            if p.is_right() { "yes" } else { "**no**" }
        );
    }
}
