//! The imported directory, as it is read.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use rolecall_core::desired::Membership;
use rolecall_core::error::StoreError;
use rolecall_core::ids::{GroupId, UserId};
use rolecall_core::ports::{Directory, Group};
use rusqlite::{Connection, Row};

use super::SqliteStore;
use super::sql::{Result, all, to_json};

/// Users a query.
const CHUNK: usize = 10_000;

#[async_trait]
impl Directory for SqliteStore {
    async fn groups_of(
        &self,
        users: &[UserId],
    ) -> std::result::Result<BTreeMap<UserId, Membership>, StoreError> {
        let users = users.to_vec();
        self.read(move |db| groups_of(db, users)).await
    }

    async fn groups(&self) -> std::result::Result<Vec<Group>, StoreError> {
        self.read(|db| {
            all(
                db,
                "SELECT id, name FROM rolecall_directory_groups ORDER BY name",
                [],
                group,
            )
        })
        .await
    }

    fn describe(&self) -> String {
        "imported".to_owned()
    }
}

/// All chunks are read in one transaction, so an import is seen whole or not at all.
fn groups_of(db: &Connection, users: Vec<UserId>) -> Result<BTreeMap<UserId, Membership>> {
    let mut answer = BTreeMap::new();
    for chunk in users.chunks(CHUNK) {
        let rows = all(
            db,
            "SELECT u.user_id, m.group_id FROM json_each(?1) asked \
             CROSS JOIN rolecall_directory_users u ON u.user_id = asked.value \
             LEFT JOIN rolecall_directory_memberships m ON m.user_id = u.user_id",
            [to_json(&chunk)?],
            |row| {
                let group: Option<String> = row.get(1)?;
                Ok((UserId(row.get(0)?), group.map(GroupId)))
            },
        )?;
        for (user, group) in rows {
            let membership = answer
                .entry(user)
                .or_insert_with(|| Membership::Known(BTreeSet::new()));
            if let Membership::Known(groups) = membership {
                groups.extend(group);
            }
        }
    }
    for user in users {
        answer.entry(user).or_insert(Membership::Unknown);
    }
    Ok(answer)
}

pub(super) fn group(row: &Row<'_>) -> Result<Group> {
    Ok(Group {
        id: GroupId(row.get(0)?),
        name: row.get(1)?,
        description: None,
    })
}
