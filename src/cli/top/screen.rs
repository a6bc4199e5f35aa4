//! The page: a pure function of what was seen and of the room there is.

use rolecall_core::worker::Status;
use rolecall_jobs::kernel::fleet::Member;

use super::limits;
use super::snapshot::Snapshot;
use crate::cli::table::{Table, number, shorten, text, whole};
use crate::cli::{queues, view, workers};
use crate::fleet_view::WorkerView;

/// Running jobs that are shown.
const JOBS: usize = 10;

/// How it is shown.
pub(super) struct Look {
    /// Characters of a line; `None`: as many as there are.
    pub(super) width: Option<usize>,
    /// Lines; `None`: as many as there are.
    pub(super) height: Option<usize>,
    /// Whether marks may be used.
    pub(super) styled: bool,
    /// A line at the top about the view itself; may be empty.
    pub(super) note: String,
}

impl Look {
    fn marked(&self, code: &str, text: &str) -> String {
        if self.styled {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn fitted(&self, line: &str) -> String {
        self.width
            .map_or_else(|| line.to_owned(), |width| shorten(line, width))
    }

    fn title(&self, text: &str) -> String {
        self.marked("1", &self.fitted(text))
    }

    fn alarm(&self, text: &str) -> String {
        self.marked("31", &self.fitted(text))
    }

    /// A part of the page: a title and its table.
    fn part(&self, lines: &mut Vec<String>, title: &str, table: &Table) {
        lines.extend([String::new(), self.title(title)]);
        lines.extend(self.table(table));
    }

    /// The lines of a table; its titles are dim.
    fn table(&self, table: &Table) -> Vec<String> {
        let text = table.render(self.width);
        let mut lines: Vec<String> = text.lines().map(|line| self.fitted(line)).collect();
        if let Some(titles) = lines.first_mut() {
            *titles = self.marked("2", titles);
        }
        lines
    }
}

/// What is shown, without a line break at its end.
pub(super) fn page(seen: &Snapshot, look: &Look) -> String {
    let mut lines = vec![look.title(&format!("rolecall top  {} UTC", view::moment(seen.now)))];
    if !look.note.is_empty() {
        lines.push(look.alarm(&look.note));
    }
    let members = &seen.fleet.members;
    let lost = members.iter().filter(|m| m.status == Status::Lost).count();
    if lost > 0 {
        lines.push(look.alarm(&format!("lost processes: {lost}")));
    }
    lines.extend(limits::alarms(&seen.limits).iter().map(|line| look.alarm(line)));
    if !members.iter().any(|m| m.worker.takes_jobs(seen.fleet.now)) {
        lines.push(look.alarm("no process takes jobs: what is stored waits"));
    }
    look.part(&mut lines, "Queues", &queues::table(&seen.lanes, true));
    let here: Vec<&Member> = members.iter().filter(|m| m.status != Status::Stopped).collect();
    if !here.is_empty() {
        look.part(&mut lines, "Processes", &workers::table(&seen.fleet, here));
    }
    let mut running = WorkerView::all(&seen.fleet);
    let jobs: usize = running.iter().map(|w| w.jobs.len()).sum();
    if jobs > 0 {
        // The oldest of each process come first.
        running.iter_mut().for_each(|w| w.jobs.truncate(JOBS));
        let mut table = workers::running(&running);
        table.truncate(JOBS);
        look.part(&mut lines, &format!("Running jobs: {jobs}"), &table);
    }
    if let Some(waiting) = limits::table(&seen.limits) {
        look.part(&mut lines, &limits::title(&seen.limits), &waiting);
    } else {
        lines.extend([String::new(), look.title(&limits::title(&seen.limits))]);
    }
    if !seen.failures.is_empty() {
        look.part(&mut lines, "Dead letters of the last day", &failures(seen));
    }
    if !seen.pauses.is_empty() {
        look.part(&mut lines, "Pauses", &pauses(seen));
    }
    lines.truncate(look.height.unwrap_or(usize::MAX));
    lines.join("\n")
}

fn failures(seen: &Snapshot) -> Table {
    let mut table = Table::new(&[number("JOBS"), whole("LAST"), text("FINGERPRINT")]);
    for group in &seen.failures {
        table.row([
            group.jobs.to_string(),
            format!("{} ago", view::length(seen.now.millis_since(group.last))),
            group.fingerprint.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn pauses(seen: &Snapshot) -> Table {
    let mut table = Table::new(&[text("HOLDS BACK"), whole("UNTIL (UTC)"), text("WHY")]);
    for pause in &seen.pauses {
        table.row([
            pause.held.to_string(),
            pause.until.map_or_else(|| "it is ended".to_owned(), view::moment),
            pause.reason.clone(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use rolecall_core::worker::Beat;

    use super::*;
    use crate::testing::world;

    fn look(width: Option<usize>, styled: bool) -> Look {
        Look {
            width,
            height: None,
            styled,
            note: String::new(),
        }
    }

    #[tokio::test]
    async fn a_page_fits_its_room_and_is_marked_only_where_it_may_be() {
        let world = world().await;
        let app = &world.app;
        let process = crate::processes::described(app, crate::processes::Parts::ALL);
        app.services
            .workers
            .beat(&process, &Beat::default())
            .await
            .unwrap();
        let seen = Snapshot::take(app).await.unwrap();
        let plain = page(&seen, &look(None, false));
        assert!(
            plain.contains(&process.id) && plain.contains("interactive"),
            "{plain}"
        );
        assert!(!plain.contains('\u{1b}'), "{plain}");
        assert!(page(&seen, &look(None, true)).contains('\u{1b}'));
        for width in [20, 60, 100] {
            let narrow = page(&seen, &look(Some(width), false));
            let widest = narrow.lines().map(|l| l.chars().count()).max();
            assert!(widest <= Some(width), "{width}: {narrow}");
        }
        let low = Look {
            height: Some(5),
            ..look(Some(80), false)
        };
        assert_eq!(page(&seen, &low).lines().count(), 5);
    }

    #[tokio::test]
    async fn it_says_when_nobody_takes_jobs() {
        let world = world().await;
        let seen = Snapshot::take(&world.app).await.unwrap();
        assert!(page(&seen, &look(None, false)).contains("no process takes jobs"));
    }
}
