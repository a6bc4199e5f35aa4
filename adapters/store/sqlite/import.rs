//! Filling the directory from a file.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{DiscordId, GroupId, UserId};
use rolecall_core::link::Link;
use rolecall_core::ports::{Group, Import, ImportReport, ImportRow};
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::directory::group;
use super::links;
use super::sql::{Result, all, change, count, new_record_id, one};

/// Numbers of rows that cannot be taken, each with a sentence.
type Problems = Vec<(usize, String)>;

#[async_trait]
impl Import for SqliteStore {
    async fn import(
        &self,
        rows: &[ImportRow],
        replace: bool,
    ) -> std::result::Result<std::result::Result<ImportReport, Problems>, StoreError> {
        let rows = rows.to_vec();
        self.write(move |db, now| import(db, &rows, replace, now)).await
    }

    async fn ensure_group(&self, name: &str) -> std::result::Result<Group, StoreError> {
        let name = name.to_owned();
        self.write(move |db, _| Ok(ensure_group(db, &name)?.0)).await
    }
}

/// Looks at every row before the first is taken. The call is one transaction.
fn import(
    db: &Connection,
    rows: &[ImportRow],
    replace: bool,
    now: Timestamp,
) -> Result<std::result::Result<ImportReport, Problems>> {
    let problems = problems(db, rows)?;
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let mut report = ImportReport::default();
    let groups = ensure_groups(db, rows, &mut report)?;
    for row in rows {
        take_user(db, row, &groups, &mut report)?;
        if let Some(account) = row.discord_id
            && link(db, row, account, now)?
        {
            report.links_added += 1;
        }
    }
    let named: HashSet<&str> = rows.iter().map(|row| row.user_id.as_str()).collect();
    if replace {
        report.users_emptied = empty_others(db, &named)?;
    }
    let all_users = one(db, "SELECT count(*) FROM rolecall_directory_users", [], |row| {
        count(row, 0)
    })?;
    let named = u64::try_from(named.len()).unwrap_or(u64::MAX);
    report.users_kept = all_users
        .unwrap_or(0)
        .saturating_sub(named)
        .saturating_sub(report.users_emptied);
    Ok(Ok(report))
}

fn problems(db: &Connection, rows: &[ImportRow]) -> Result<Problems> {
    let mut problems = Vec::new();
    let mut users: HashMap<&UserId, usize> = HashMap::new();
    let mut accounts: HashMap<DiscordId, &UserId> = HashMap::new();
    for (number, row) in rows.iter().enumerate() {
        if users.insert(&row.user_id, number).is_some() {
            problems.push((
                number,
                format!(
                    "The user {} is named twice; write all groups of a user into one row.",
                    row.user_id
                ),
            ));
            continue;
        }
        let Some(account) = row.discord_id else { continue };
        let other = match accounts.insert(account, &row.user_id) {
            Some(other) => Some((other.clone(), "in an earlier row")),
            None => links::of_account(db, account)?
                .filter(|link| link.is_active && link.user_id != row.user_id)
                .map(|link| (link.user_id, "already")),
        };
        if let Some((other, when)) = other {
            problems.push((
                number,
                format!(
                    "The Discord account {account} is linked to the user {other} {when}; unlink it there first, or \
                     leave the account out of this row."
                ),
            ));
        }
    }
    Ok(problems)
}

/// The id of every group that the rows name.
fn ensure_groups(
    db: &Connection,
    rows: &[ImportRow],
    report: &mut ImportReport,
) -> Result<BTreeMap<String, GroupId>> {
    let names: BTreeSet<&String> = rows.iter().flat_map(|row| &row.groups).collect();
    let mut groups = BTreeMap::new();
    for name in names {
        let (group, new) = ensure_group(db, name)?;
        report.groups_added += u64::from(new);
        groups.insert(group.name, group.id);
    }
    Ok(groups)
}

/// The group of this name, and whether it is new.
fn ensure_group(db: &Connection, name: &str) -> Result<(Group, bool)> {
    let found = one(
        db,
        "SELECT id, name FROM rolecall_directory_groups WHERE name = ?1",
        [name],
        group,
    )?;
    if let Some(found) = found {
        return Ok((found, false));
    }
    let id = new_record_id();
    change(
        db,
        "INSERT INTO rolecall_directory_groups (id, name) VALUES (?1, ?2)",
        [&id, name],
    )?;
    let made = Group {
        id: GroupId(id),
        name: name.to_owned(),
        description: None,
    };
    Ok((made, true))
}

fn take_user(
    db: &Connection,
    row: &ImportRow,
    groups: &BTreeMap<String, GroupId>,
    report: &mut ImportReport,
) -> Result<()> {
    let user = row.user_id.as_str();
    let name: Option<String> = one(
        db,
        "SELECT name FROM rolecall_directory_users WHERE user_id = ?1",
        [user],
        |row| Ok(row.get(0)?),
    )?;
    let had: BTreeSet<GroupId> = all(
        db,
        "SELECT group_id FROM rolecall_directory_memberships WHERE user_id = ?1",
        [user],
        |row| Ok(GroupId(row.get(0)?)),
    )?
    .into_iter()
    .collect();
    let has: BTreeSet<GroupId> = row.groups.iter().filter_map(|g| groups.get(g)).cloned().collect();
    match &name {
        None => report.users_added += 1,
        Some(name) if *name == row.name && had == has => {
            report.users_unchanged += 1;
            return Ok(());
        }
        Some(_) => report.users_changed += 1,
    }
    change(
        db,
        "INSERT INTO rolecall_directory_users (user_id, name) VALUES (?1, ?2) \
         ON CONFLICT (user_id) DO UPDATE SET name = ?2",
        [user, &row.name],
    )?;
    for group in had.difference(&has) {
        change(
            db,
            "DELETE FROM rolecall_directory_memberships WHERE user_id = ?1 AND group_id = ?2",
            [user, group.as_str()],
        )?;
    }
    for group in has.difference(&had) {
        change(
            db,
            "INSERT INTO rolecall_directory_memberships (user_id, group_id) VALUES (?1, ?2)",
            [user, group.as_str()],
        )?;
    }
    Ok(())
}

/// Makes the account's link active and this user's; `true` if it was not so before.
fn link(db: &Connection, row: &ImportRow, account: DiscordId, now: Timestamp) -> Result<bool> {
    let stored = links::of_account(db, account)?;
    if stored.as_ref().is_some_and(|link| link.is_active) {
        return Ok(false);
    }
    // What another user once consented to is not this user's consent.
    change(
        db,
        "DELETE FROM discord_users WHERE discord_id = ?1 AND user_id <> ?2",
        params![account.to_string(), row.user_id.as_str()],
    )?;
    let link = match stored.filter(|link| link.user_id == row.user_id) {
        Some(link) => Link {
            is_active: true,
            updated_at: now,
            ..link
        },
        None => Link {
            user_id: row.user_id.clone(),
            discord_id: account,
            username: String::new(),
            is_active: true,
            has_token: false,
            token_expiry: None,
            needs_consent: false,
            linked_at: now,
            updated_at: now,
        },
    };
    links::put(db, &link, None)?;
    Ok(true)
}

/// Takes all groups from those who are not named; says how many had some.
fn empty_others(db: &Connection, named: &HashSet<&str>) -> Result<u64> {
    let members: Vec<String> = all(
        db,
        "SELECT DISTINCT user_id FROM rolecall_directory_memberships",
        [],
        |row| Ok(row.get(0)?),
    )?;
    let mut emptied = 0;
    for user in members.iter().filter(|user| !named.contains(user.as_str())) {
        change(
            db,
            "DELETE FROM rolecall_directory_memberships WHERE user_id = ?1",
            [user],
        )?;
        emptied += 1;
    }
    Ok(emptied)
}
