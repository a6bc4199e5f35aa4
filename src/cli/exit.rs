//! How a command ends: its exit code, and what it says when it fails.

use std::process::ExitCode;

use rolecall_core::error::{JobError, StoreError};

use super::output;

/// How a command ended. The numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done = 0,
    /// 1: it failed, or what was named does not exist. For `doctor`: there are warnings.
    Failed = 1,
    /// 2: wrong usage or input. For `doctor`: something is broken.
    BadInput = 2,
    /// 3: a sync was held back, or a part of it failed.
    Held = 3,
    /// 4: the store cannot be used: it is damaged, full, locked, may not be written, was written by a newer rolecall, is
    /// missing where one was, or does not answer.
    Store = 4,
    /// 130: interrupted while it waited (Ctrl-C), as shells count it.
    Interrupted = 130,
}

impl Exit {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Done,
        Self::Failed,
        Self::BadInput,
        Self::Held,
        Self::Store,
        Self::Interrupted,
    ];

    /// What it means, for `docs/cli.md`.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "it is done",
            Self::Failed => "it failed, or what was named does not exist; of `doctor`: there are warnings",
            Self::BadInput => "wrong usage, input or configuration; of `doctor`: something is broken",
            Self::Held => "a sync was held back, or a part of it failed",
            Self::Store => {
                "the data folder or the store cannot be used: it does not answer, is full, not writable or damaged"
            }
            Self::Interrupted => "interrupted while it waited (Ctrl-C); what it waited for goes on",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed: one sentence, and perhaps what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// What happened. Never holds a secret.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl CliError {
    /// It failed, or something does not exist.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// What was given cannot be used.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(Exit::BadInput, message)
    }

    /// The store cannot be used.
    pub fn store(message: impl Into<String>) -> Self {
        Self::new(Exit::Store, message)
    }

    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints it, and gives the exit code.
    pub fn report(&self) -> ExitCode {
        output::note(&format!("error: {}", self.message));
        if let Some(hint) = &self.hint {
            output::note(&format!("hint: {hint}"));
        }
        self.exit.into()
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::store(error.to_string()).hint("`rolecall doctor` looks at the store and says what to do.")
    }
}

impl From<JobError> for CliError {
    fn from(error: JobError) -> Self {
        let out = Self::failed(error.message);
        match error.remedy {
            Some(remedy) => out.hint(remedy),
            None => out,
        }
    }
}

/// The exit code of a command's result; prints the error.
pub(super) fn finish(result: Result<Exit, CliError>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        Err(error) => return error.report(),
    };
    match output::failure() {
        // Whoever closed the pipe (`| head`) has read enough.
        None => exit.into(),
        Some(why) => CliError::failed(format!("standard output could not be written: {why}")).report(),
    }
}
