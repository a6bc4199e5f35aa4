//! The terminal while the live view has it: its own screen, and keys as they are pressed. It is given back on every way
//! out.

use std::io::{Result, Write, stdout};
use std::time::Duration;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};
use tokio::sync::mpsc;

use super::screen::Look;
use crate::cli::output;

/// How long the thread that reads keys may take to see that nobody wants them any more.
const LOOK_UP: Duration = Duration::from_millis(200);

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// End.
    Quit,
    /// Stop refreshing, or go on.
    Pause,
    /// The terminal has another size.
    Resized,
    /// Any other.
    Other,
}

/// See the module.
pub(super) struct Terminal {
    keys: mpsc::UnboundedReceiver<Key>,
}

impl Terminal {
    pub(super) fn enter() -> Result<Self> {
        let (told, keys) = mpsc::unbounded_channel();
        enable_raw_mode()?;
        // From here on what was changed is undone when this is dropped.
        let terminal = Self { keys };
        execute!(stdout(), EnterAlternateScreen, Hide)?;
        std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || read(&told))?;
        Ok(terminal)
    }

    /// The next key. A terminal that is gone is a wish to end.
    pub(super) async fn key(&mut self) -> Option<Key> {
        Some(self.keys.recv().await.unwrap_or(Key::Quit))
    }

    /// Shows a page that fits.
    pub(super) fn draw(&mut self, page: impl FnOnce(&Look) -> String, note: String) -> Result<()> {
        let (width, height) = size()?;
        let look = Look {
            width: Some(width.into()),
            height: Some(height.into()),
            styled: output::styled(),
            note,
        };
        let mut out = stdout().lock();
        queue!(out, MoveTo(0, 0))?;
        let mut lines = page(&look);
        // In raw mode a line break does not go back to the first column.
        lines = lines.replace('\n', "\u{1b}[K\r\n");
        out.write_all(lines.as_bytes())?;
        queue!(
            out,
            Clear(ClearType::UntilNewLine),
            Clear(ClearType::FromCursorDown)
        )?;
        out.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = execute!(stdout(), Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}

fn read(told: &mpsc::UnboundedSender<Key>) {
    while !told.is_closed() {
        let key = match event::poll(LOOK_UP) {
            Ok(false) => continue,
            Ok(true) => event::read().map(|event| meant(&event)),
            Err(error) => Err(error),
        };
        match key {
            Ok(Some(key)) if told.send(key).is_ok() => {}
            Ok(None) => {}
            _ => return,
        }
    }
}

fn meant(event: &Event) -> Option<Key> {
    let key = match event {
        Event::Resize(..) => return Some(Key::Resized),
        Event::Key(key) if key.kind == KeyEventKind::Press => key,
        _ => return None,
    };
    Some(match key.code {
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Key::Quit,
        KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Quit,
        KeyCode::Char('p' | 'P') => Key::Pause,
        _ => Key::Other,
    })
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyEvent;

    use super::*;

    #[test]
    fn keys_mean_what_the_help_says() {
        let pressed = |code, with| meant(&Event::Key(KeyEvent::new(code, with)));
        let plain = |c| pressed(KeyCode::Char(c), KeyModifiers::NONE);
        assert_eq!((plain('q'), plain('p')), (Some(Key::Quit), Some(Key::Pause)));
        assert_eq!(plain('c'), Some(Key::Other));
        assert_eq!(
            pressed(KeyCode::Char('c'), KeyModifiers::CONTROL),
            Some(Key::Quit)
        );
        assert_eq!(meant(&Event::Resize(80, 24)), Some(Key::Resized));
        assert_eq!(meant(&Event::FocusLost), None);
    }
}
