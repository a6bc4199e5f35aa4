//! Collects what a scenario left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::audit;
use crate::case::{Asked, Case};
use crate::leaks;
use crate::ledger::{self, Ledger};
use crate::processes::now_ms;

/// A call that the simulator answered.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Call {
    /// Simulated milliseconds: when it came, and when it was answered.
    pub(crate) at_ms: u64,
    pub(crate) answered_ms: u64,
    /// When it came, in real Unix milliseconds.
    pub(crate) unix_ms: u64,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) route: String,
    /// 0: cut.
    pub(crate) status: u16,
    pub(crate) audit_reason: Option<String>,
    pub(crate) bot: Option<String>,
    /// The limit that it counts for.
    pub(crate) bucket: Option<String>,
    /// Of which limit a 429 spoke.
    pub(crate) refused: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Option<String>,
}

impl Call {
    /// The job that made a change, by the text for Discord's audit log.
    pub(crate) fn job(&self) -> Option<&str> {
        let (_, rest) = self.audit_reason.as_deref()?.split_once("(job ")?;
        rest.split_once(')').map(|(id, _)| id)
    }

    fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        let path = self.path.split('?').next().unwrap_or_default();
        path.split('/').filter_map(|part| part.parse().ok())
    }

    /// The guild, if its path begins with one.
    pub(crate) fn guild(&self) -> Option<u64> {
        self.route
            .contains("/guilds/{guild}")
            .then(|| self.ids().next())
            .flatten()
    }

    /// Guild, member, and role, as far as the path names them.
    pub(crate) fn about(&self) -> Option<(u64, u64, Option<u64>)> {
        let mut ids = self.ids();
        Some((ids.next()?, ids.next()?, ids.next()))
    }

    /// The roles that a PATCH set.
    pub(crate) fn roles_in_body(&self) -> Option<BTreeSet<u64>> {
        let body: Value = serde_json::from_str(self.body.as_deref()?).ok()?;
        body["roles"].is_array().then(|| ids(&body["roles"]))
    }

    /// Whether it changed a member.
    pub(crate) fn is_write(&self) -> bool {
        self.asks_for_a_write() && (200..300).contains(&self.status)
    }

    /// Whether it was let in to change a member, whatever came of it.
    pub(crate) fn asks_for_a_write(&self) -> bool {
        self.method != "GET"
            && self.route.contains("/members/")
            && self.refused.is_none()
            && self.status != 401
    }
}

/// What Discord saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Discord {
    pub(crate) overlapping_writes: u64,
    pub(crate) lost_updates: u64,
    pub(crate) rate_limited: u64,
    pub(crate) invalid: u64,
    pub(crate) calls: Vec<Call>,
    /// Member → roles.
    pub(crate) roles: BTreeMap<u64, BTreeSet<u64>>,
    pub(crate) touched: BTreeSet<u64>,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    /// When the ledger was looked at, in Unix milliseconds.
    pub(crate) looked_at: i64,
    pub(crate) ledger: Ledger,
    /// Records of who did what, by their places.
    pub(crate) audit: Vec<Value>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) discord: Discord,
    /// Places where the secret stands in plain.
    pub(crate) leaks: Vec<String>,
    /// Keys in Redis.
    pub(crate) redis_keys: Option<usize>,
}

/// Collects it.
pub(crate) async fn collect(case: &Case) -> Result<Evidence, String> {
    let mut evidence = Evidence {
        looked_at: now_ms(),
        ledger: ledger::read(&case.ledger).await?,
        audit: audit::read(&case.ledger).await?,
        asked: asked(&case.client_log)?,
        discord: discord(case).await?,
        ..Evidence::default()
    };
    let found = leaks::search(case).await?;
    (evidence.leaks, evidence.redis_keys) = found;
    Ok(evidence)
}

fn asked(path: &Path) -> Result<Vec<Asked>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    text.lines()
        .map(|line| serde_json::from_str(line).map_err(|e| format!("{}: {e}", path.display())))
        .collect()
}

async fn discord(case: &Case) -> Result<Discord, String> {
    let client = crate::http::client()?;
    let get = async |path: String| -> Result<Value, String> {
        let url = format!("{}{path}", case.simulator);
        let answer = client.get(&url).send().await.map_err(|e| e.to_string())?;
        answer.json().await.map_err(|e| format!("{url}: {e}"))
    };
    let counters = get("/counters".into()).await?;
    let count = |name: &str| counters[name].as_u64().unwrap_or(u64::MAX);
    let limited = counters["rate_limited"].as_object().into_iter().flatten();
    let members = get(format!("/guilds/{}/members", case.guild)).await?;
    let touched = get(format!("/guilds/{}/touched-roles", case.guild)).await?;
    Ok(Discord {
        overlapping_writes: count("overlapping_writes"),
        lost_updates: count("lost_updates"),
        rate_limited: limited.filter_map(|(_, n)| n.as_u64()).sum(),
        invalid: count("invalid"),
        calls: serde_json::from_value(get("/calls?last=1000000".into()).await?).map_err(|e| e.to_string())?,
        roles: list(&members)
            .iter()
            .filter_map(|m| Some((id(&m["user_id"])?, ids(&m["roles"]))))
            .collect(),
        touched: ids(&touched),
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn id(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

fn ids(value: &Value) -> BTreeSet<u64> {
    list(value).iter().filter_map(id).collect()
}
