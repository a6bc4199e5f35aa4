//! Follows a run to its end: a bar on a terminal, else a line every few seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rolecall_core::RunId;
use rolecall_core::error::StoreError;
use rolecall_core::pause::Pause;
use rolecall_core::ports::JobFilter;
use rolecall_core::run::Run;
use rolecall_jobs::kernel::pauses::waiting;
use rolecall_workflows::progress::{Progress, of_run};

use crate::app::App;
use crate::cli::{CliError, output, view};

/// How often a run is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(500);
/// How often a line is printed where there is no terminal.
const LINE: Duration = Duration::from_secs(5);
/// A store that does not answer for so long is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// The run when it has ended, looked at so often; `None` if somebody pressed Ctrl-C.
pub(crate) async fn to_the_end(app: &App, id: RunId, every: Duration) -> Result<Option<Run>, CliError> {
    let mut shown = Shown::new();
    tokio::select! {
        ended = watch(app, id, every, &mut shown) => {
            shown.clear();
            ended.map(Some)
        }
        signal = tokio::signal::ctrl_c() => {
            shown.clear();
            signal.map_err(|e| CliError::failed(format!("cannot wait for Ctrl-C: {e}")))?;
            Ok(None)
        }
    }
}

async fn watch(app: &App, id: RunId, every: Duration, shown: &mut Shown) -> Result<Run, CliError> {
    let mut heard = Instant::now();
    loop {
        match look(app, id).await {
            Ok(Look::Gone) => return Err(CliError::failed(format!("run {id} is not stored any more"))),
            Ok(Look::Ended(run)) => return Ok(*run),
            Ok(Look::Running(progress, pause)) => {
                heard = Instant::now();
                shown.update(&progress, pause.or_else(|| app.limiter.waiting_for()));
            }
            Err(error) if heard.elapsed() > SILENCE => return Err(error.into()),
            Err(error) => shown.trouble(&error),
        }
        tokio::time::sleep(every).await;
    }
}

enum Look {
    Running(Progress, Option<String>),
    Ended(Box<Run>),
    Gone,
}

async fn look(app: &App, id: RunId) -> Result<Look, StoreError> {
    match of_run(&app.services, id).await? {
        None => Ok(Look::Gone),
        Some((progress, _)) if !progress.state.is_final() => {
            Ok(Look::Running(progress, pause_of(app, id).await?))
        }
        Some(_) => match app.services.runs.get(id).await? {
            Some(run) => Ok(Look::Ended(Box::new(run))),
            None => Ok(Look::Gone),
        },
    }
}

/// The end of a pause that holds back jobs of this run now: it may be what is waited for.
async fn pause_of(app: &App, run: RunId) -> Result<Option<String>, StoreError> {
    let now = app.services.clock.now();
    for pause in app.services.pauses.list().await? {
        if !pause.is_on(now) {
            continue;
        }
        let of_run = JobFilter {
            run_id: Some(run),
            ..waiting(&pause.held)
        };
        let counts = app.services.ledger.counts(&of_run).await?;
        if counts.iter().any(|(_, jobs)| *jobs > 0) {
            return Ok(Some(end_of(&pause)));
        }
    }
    Ok(None)
}

/// Follows on `waits for`.
fn end_of(pause: &Pause) -> String {
    format!(
        "the end of the pause of {} ({}); `rolecall pauses end {}` ends it",
        pause.held, pause.reason, pause.id
    )
}

/// What the person sees meanwhile.
struct Shown {
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Instant,
}

impl Shown {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            bar.set_style(planning());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            bar,
            started: Instant::now(),
            // A short run needs none.
            last_line: Instant::now(),
        }
    }

    fn update(&mut self, progress: &Progress, waiting: Option<String>) {
        let waiting = waiting
            .map(|what| format!("waits for {what}"))
            .unwrap_or_default();
        if let Some(bar) = &self.bar {
            bar.set_style(if progress.planned { working() } else { planning() });
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            bar.set_message(output::clean(&waiting));
            return;
        }
        if self.line_is_due() {
            let mut line = told(progress, self.started.elapsed());
            if !waiting.is_empty() {
                line = format!("{line}, {waiting}");
            }
            output::note(&line);
        }
    }

    fn trouble(&mut self, error: &StoreError) {
        if let Some(bar) = &self.bar {
            bar.set_message(output::clean(&error.to_string()));
        } else if self.line_is_due() {
            output::note(&format!("{error}; still waiting"));
        }
    }

    fn line_is_due(&mut self) -> bool {
        let due = self.last_line.elapsed() >= LINE;
        if due {
            self.last_line = Instant::now();
        }
        due
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn planning() -> ProgressStyle {
    style("{spinner} planning, {pos} of {len} known changes done {msg}")
}

fn working() -> ProgressStyle {
    style("{spinner} [{bar:30}] {pos}/{len} changes, {per_sec:.1}, {eta} left {msg}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// `120 of 600 changes done (2 failed), 8.0 a second, about 1 min 0 s left`.
fn told(progress: &Progress, since: Duration) -> String {
    let failed = match progress.failed {
        0 => String::new(),
        n => format!(" ({n} failed)"),
    };
    let counts = format!("{} of {} changes done{failed}", progress.done, progress.total);
    if !progress.planned {
        return format!("planning: {counts} so far");
    }
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1);
    let left = progress.total.saturating_sub(progress.done);
    if progress.done == 0 || left == 0 {
        return counts;
    }
    let tenths = progress.done.saturating_mul(10_000) / millis;
    let left = left.saturating_mul(millis) / progress.done;
    format!(
        "{counts}, {}.{} a second, about {} left",
        tenths / 10,
        tenths % 10,
        view::length(i64::try_from(left).unwrap_or(i64::MAX))
    )
}

#[cfg(test)]
mod tests {
    use rolecall_core::run::RunState;

    use super::*;

    #[test]
    fn a_line_tells_how_far_and_how_long() {
        let mut progress = Progress {
            state: RunState::Running,
            planned: true,
            total: 600,
            done: 120,
            failed: 2,
            roles_added: 118,
            roles_removed: 0,
            jobs: Default::default(),
        };
        let line = told(&progress, Duration::from_secs(15));
        assert_eq!(
            line,
            "120 of 600 changes done (2 failed), 8.0 a second, about 1 min 0 s left"
        );
        progress.planned = false;
        assert_eq!(
            told(&progress, Duration::ZERO),
            "planning: 120 of 600 changes done (2 failed) so far"
        );
    }

    #[test]
    fn both_bars_can_be_drawn() {
        for template in [planning(), working()] {
            let bar = ProgressBar::hidden().with_style(template);
            bar.set_length(10);
            bar.set_position(3);
            bar.tick();
        }
    }
}
