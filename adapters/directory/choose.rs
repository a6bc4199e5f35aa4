//! Which directory counts: go-falcon's collections, or what was imported.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rolecall_core::conditions::Facts;
use rolecall_core::desired::Membership;
use rolecall_core::error::StoreError;
use rolecall_core::ids::UserId;
use rolecall_core::ports::{Character, Directory, Group, Import, ImportReport, ImportRow};

use super::GoFalcon;
use crate::store::mongo::MongoStore;

/// How long a choice is kept before it is read again.
const KEPT: Duration = Duration::from_secs(2);

/// What an administrator says about the directory (`ROLECALL_DIRECTORY`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Setting {
    /// What was imported, if anything ever was; else go-falcon's collections.
    #[default]
    Auto,
    /// go-falcon's collections.
    GoFalcon,
    /// What was imported.
    Imported,
}

impl Setting {
    /// The written name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::GoFalcon => "go-falcon",
            Self::Imported => "imported",
        }
    }
}

/// Why a text is no [`Setting`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotASetting(String);

impl std::fmt::Display for NotASetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} is no directory: expected auto, go-falcon or imported",
            self.0
        )
    }
}

impl std::error::Error for NotASetting {}

impl FromStr for Setting {
    type Err = NotASetting;

    fn from_str(text: &str) -> Result<Self, NotASetting> {
        [Self::Auto, Self::GoFalcon, Self::Imported]
            .into_iter()
            .find(|s| s.as_str() == text.trim())
            .ok_or_else(|| NotASetting(text.to_owned()))
    }
}

/// The directory that counts, and the import that fills it.
#[derive(Clone, Debug)]
pub struct Chosen {
    setting: Setting,
    store: MongoStore,
    go_falcon: GoFalcon,
    /// Whether there was an import, and when that was read.
    imported: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl Chosen {
    /// The directory of this store by this setting.
    pub fn new(store: MongoStore, setting: Setting) -> Self {
        Self {
            setting,
            go_falcon: GoFalcon::new(store.clone()),
            store,
            imported: Arc::default(),
        }
    }

    /// A choice that cannot be read is an error: the other directory would answer "no groups".
    async fn directory(&self) -> Result<&dyn Directory, StoreError> {
        let imported = match self.setting {
            Setting::GoFalcon => false,
            Setting::Imported => true,
            Setting::Auto => self.was_imported().await?,
        };
        Ok(if imported { &self.store } else { &self.go_falcon })
    }

    async fn was_imported(&self) -> Result<bool, StoreError> {
        if let Some((at, imported)) = self.remembered()
            && at.elapsed() < KEPT
        {
            return Ok(imported);
        }
        let imported = self.store.was_imported().await?;
        self.remember(Some((Instant::now(), imported)));
        Ok(imported)
    }

    fn remembered(&self) -> Option<(Instant, bool)> {
        *self.imported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, what: Option<(Instant, bool)>) {
        *self.imported.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// A sentence, if an import would be of no use, or would put an end to the use of go-falcon's users.
    async fn refusal(&self) -> Result<Option<String>, StoreError> {
        if self.setting == Setting::Imported || !self.go_falcon.is_in_use().await? {
            return Ok(None);
        }
        Ok(Some(
            "this database holds go-falcon's users; set ROLECALL_DIRECTORY=imported to use an imported file instead"
                .to_owned(),
        ))
    }
}

#[async_trait]
impl Directory for Chosen {
    async fn groups_of(&self, users: &[UserId]) -> Result<BTreeMap<UserId, Membership>, StoreError> {
        self.directory().await?.groups_of(users).await
    }

    async fn facts_of(&self, users: &[UserId]) -> Result<BTreeMap<UserId, Facts>, StoreError> {
        self.directory().await?.facts_of(users).await
    }

    async fn main_character(&self, user: &UserId) -> Result<Option<Character>, StoreError> {
        self.directory().await?.main_character(user).await
    }

    async fn groups(&self) -> Result<Vec<Group>, StoreError> {
        self.directory().await?.groups().await
    }

    fn describe(&self) -> String {
        let imported = match self.setting {
            Setting::GoFalcon => Some(false),
            Setting::Imported => Some(true),
            Setting::Auto => self.remembered().map(|(_, imported)| imported),
        };
        match imported {
            Some(true) => self.store.describe(),
            Some(false) => self.go_falcon.describe(),
            None => "imported, or else go-falcon collections".to_owned(),
        }
    }
}

#[async_trait]
impl Import for Chosen {
    async fn import(
        &self,
        rows: &[ImportRow],
        replace: bool,
    ) -> Result<Result<ImportReport, Vec<(usize, String)>>, StoreError> {
        if let Some(refusal) = self.refusal().await? {
            return Ok(Err(vec![(0, refusal)]));
        }
        let report = self.store.import(rows, replace).await;
        self.remember(None);
        report
    }

    async fn ensure_group(&self, name: &str) -> Result<Group, StoreError> {
        if let Some(refusal) = self.refusal().await? {
            return Err(StoreError::Unavailable(refusal));
        }
        self.store.ensure_group(name).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_written() {
        for setting in [Setting::Auto, Setting::GoFalcon, Setting::Imported] {
            assert_eq!(setting.as_str().parse(), Ok(setting));
        }
        let error = "ldap".parse::<Setting>().unwrap_err().to_string();
        assert!(error.contains("ldap") && error.contains("go-falcon"), "{error}");
    }
}
