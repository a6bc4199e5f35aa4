//! The rows of the file: one that is about no bot, one a bot, one for the buckets of each home.

use std::collections::BTreeMap;

use rolecall_core::ids::GuildId;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::pages::Result;
use crate::limiter::state::kept::{Bot, Buckets, Common, Home, Parts};
use crate::limiter::state::{Rules, State};
use crate::limiter::{FLIGHT, KEPT};

/// Name of the row that is about no bot.
pub(super) const ADDRESS: &str = "address";

/// The row that is about no bot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Address {
    /// When the file was begun, in seconds since 1970.
    began: f64,
    /// Discord seconds in a real one, by which the times in the file go.
    speed: f64,
    /// The latest time that anybody decided something at.
    seen: f64,
    /// Processes that asked, and when they did last.
    pub(super) processes: BTreeMap<String, f64>,
    common: Common,
}

impl Address {
    fn new(began: f64, speed: f64) -> Self {
        Self {
            began,
            speed,
            seen: 0.0,
            processes: BTreeMap::new(),
            common: Common::default(),
        }
    }
}

/// What was read before, or written. It is true until another process writes.
#[derive(Default)]
pub(super) struct Known {
    /// SQLite's count of what others have written.
    version: i64,
    address: Option<Address>,
    bots: BTreeMap<u64, Bot>,
    homes: BTreeMap<Home, Buckets>,
}

/// What was read for a decision.
pub(super) struct Read {
    pub(super) address: Address,
    pub(super) state: State,
    pub(super) now: f64,
}

/// Name of the row of a bot.
fn name_of_bot(principal: u64) -> String {
    format!("bot {principal}")
}

/// Name of the row of a home; of no guild, it is 0.
fn name_of(home: Home) -> String {
    format!(
        "buckets {} {}",
        home.principal,
        home.guild.map_or(0, GuildId::get)
    )
}

pub(super) fn home_of(name: &str) -> Option<Home> {
    let (principal, guild) = name.strip_prefix("buckets ")?.split_once(' ')?;
    Some(Home {
        principal: principal.parse().ok()?,
        guild: GuildId::new(guild.parse().ok()?),
    })
}

/// What a row says; `None` if there is none.
///
/// # Errors
/// It cannot be read.
fn row<T: DeserializeOwned>(
    tx: &Transaction<'_>,
    name: &str,
) -> rusqlite::Result<Option<serde_json::Result<T>>> {
    let body = tx
        .prepare_cached("SELECT body FROM kept WHERE name = ?1")?
        .query_row([name], |row| row.get::<_, String>(0))
        .optional()?;
    Ok(body.map(|body| serde_json::from_str(&body)))
}

/// What reading and writing need.
pub(super) struct Context<'a> {
    pub(super) tx: &'a Transaction<'a>,
    pub(super) rules: Rules,
    pub(super) speed: f64,
    pub(super) clock: &'a mut Clock,
    pub(super) wall: fn() -> f64,
    pub(super) known: &'a mut Known,
}

/// Puts what is known of this one to the others, from memory or from its row. `false`: its row cannot be read.
fn read_into<K: Ord + Copy, V: DeserializeOwned>(
    tx: &Transaction<'_>,
    parts: &mut BTreeMap<K, V>,
    known: &mut BTreeMap<K, V>,
    key: K,
    name: &str,
) -> Result<bool> {
    if parts.contains_key(&key) {
        return Ok(true);
    }
    let value = match known.remove(&key) {
        Some(value) => Some(Ok(value)),
        None => row(tx, name)?,
    };
    match value {
        Some(Ok(value)) => {
            parts.insert(key, value);
            Ok(true)
        }
        Some(Err(_)) => Ok(false),
        None => Ok(true),
    }
}

impl Context<'_> {
    /// What is known of these homes, and of those with permits that should have had an answer.
    pub(super) fn read(&mut self, homes: &[Home]) -> Result<Read> {
        let version = self
            .tx
            .pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.known.version != version {
            *self.known = Known {
                version,
                ..Known::default()
            };
        }
        // Of another release, damaged, or by another clock: permits are counted in several rows, so it is all or none.
        match self.read_all_of(homes)? {
            Some(read) => Ok(read),
            None => self.begin(),
        }
    }

    fn read_all_of(&mut self, homes: &[Home]) -> Result<Option<Read>> {
        let address = match self.known.address.take() {
            Some(address) => Some(Ok(address)),
            None => row::<Address>(self.tx, ADDRESS)?,
        };
        let Some(Ok(mut address)) = address else {
            return Ok(None);
        };
        if address.speed.to_bits() != self.speed.to_bits() {
            return Ok(None);
        }
        let now = self.clock.now(address.began, address.seen, self.speed);
        let overdue: Vec<String> = self
            .tx
            .prepare_cached("SELECT name FROM kept WHERE oldest_permit <= ?1")?
            .query_map([now - FLIGHT * self.speed], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut parts = Parts {
            common: std::mem::take(&mut address.common),
            ..Parts::default()
        };
        for home in homes
            .iter()
            .copied()
            .chain(overdue.iter().filter_map(|name| home_of(name)))
        {
            let Home { principal, .. } = home;
            let known = &mut *self.known;
            if !read_into(self.tx, &mut parts.homes, &mut known.homes, home, &name_of(home))?
                || !read_into(
                    self.tx,
                    &mut parts.bots,
                    &mut known.bots,
                    principal,
                    &name_of_bot(principal),
                )?
            {
                return Ok(None);
            }
        }
        let state = State::of(self.rules, parts);
        Ok(state.map(|state| Read { address, state, now }))
    }

    /// Knows nothing.
    fn begin(&mut self) -> Result<Read> {
        self.tx.execute("DELETE FROM kept", [])?;
        self.known.bots.clear();
        self.known.homes.clear();
        let address = Address::new((self.wall)(), self.speed);
        let now = self.clock.now(address.began, address.seen, self.speed);
        Ok(Read {
            address,
            state: State::new(self.rules),
            now,
        })
    }

    /// Keeps what was decided.
    pub(super) fn write(&mut self, mut address: Address, state: State, now: f64) -> Result<()> {
        let parts = state.into_parts();
        address.common = parts.common;
        address.seen = now;
        self.put(ADDRESS, &address, now, None)?;
        for (principal, bot) in &parts.bots {
            self.put(&name_of_bot(*principal), bot, now.max(bot.forbids_until()), None)?;
        }
        for (home, buckets) in &parts.homes {
            let until = now.max(buckets.forbid_until());
            self.put(&name_of(*home), buckets, until, buckets.oldest_permit())?;
        }
        self.known.address = Some(address);
        self.known.bots.extend(parts.bots);
        self.known.homes.extend(parts.homes);
        Ok(())
    }

    fn put(&self, name: &str, body: &impl Serialize, used: f64, oldest_permit: Option<f64>) -> Result<()> {
        let body = serde_json::to_string(body)?;
        self.tx
            .prepare_cached(
                "INSERT INTO kept (name, body, until, oldest_permit) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (name) DO UPDATE SET body = excluded.body, until = excluded.until, \
                     oldest_permit = excluded.oldest_permit",
            )?
            .execute(params![
                name,
                body,
                used + f64::from(KEPT) * self.speed,
                oldest_permit
            ])?;
        Ok(())
    }
}
