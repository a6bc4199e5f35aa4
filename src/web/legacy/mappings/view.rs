//! A mapping as it is sent: the names of the original and those of its documentation.

use std::collections::BTreeMap;
use std::sync::Arc;

use rolecall_core::conditions::{Conditions, unknown_groups};
use rolecall_core::error::StoreError;
use rolecall_core::guild::GuildInfo;
use rolecall_core::hierarchy::{Obstacle, obstacle};
use rolecall_core::mapping::Mapping;
use rolecall_core::ports::Group;
use rolecall_core::{GroupId, Timestamp};
use rolecall_workflows::change_mapping::Fate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::http::etag;
use crate::web::state::Web;

/// A mapping: members of the group get the role.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DiscordRoleMappingResponse)]
pub(crate) struct MappingView {
    #[schema(example = "64b000000000000000000001")]
    pub(crate) id: String,
    #[schema(example = "123456789012345678")]
    pub(crate) guild_id: String,
    pub(crate) group_id: String,
    /// The group's name now; the stored one if the directory does not know the group.
    pub(crate) group_name: String,
    /// What the group is for, if the directory says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_description: Option<String>,
    #[schema(example = "987654321098765432")]
    pub(crate) discord_role_id: String,
    pub(crate) discord_role_name: String,
    /// An inactive mapping neither gives nor takes.
    pub(crate) is_active: bool,
    /// The same.
    pub(crate) enabled: bool,
    /// Higher counts more where mappings disagree.
    pub(crate) priority: i32,
    /// When it applies.
    pub(crate) conditions: ConditionsView,
    /// The character that added it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_by: Option<i64>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    /// When a sync that went by it last ended.
    pub(crate) last_sync: Option<String>,
    /// How many such syncs there were.
    pub(crate) sync_count: u64,
    /// Whether its group or its role is gone, so that it cannot do what it says.
    pub(crate) stale: bool,
    /// The sync that follows this change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sync_id: Option<String>,
    /// What is wrong with it, such as a group that is gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

/// When a mapping applies. All that are set have to hold.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConditionsView {
    require_all: bool,
    character_count_min: Option<u32>,
    character_count_max: Option<u32>,
    required_permissions: Vec<String>,
    excluded_groups: Vec<String>,
}

impl From<&Conditions> for ConditionsView {
    fn from(c: &Conditions) -> Self {
        Self {
            require_all: c.require_all,
            character_count_min: c.character_count_min,
            character_count_max: c.character_count_max,
            required_permissions: c.required_permissions.clone(),
            excluded_groups: c.excluded_groups.iter().map(ToString::to_string).collect(),
        }
    }
}

/// All groups; `None` if the directory does not answer, which is no reason to show nothing.
pub(crate) async fn all_groups(web: &Web) -> Option<BTreeMap<GroupId, Group>> {
    match web.services.directory.groups().await {
        Ok(groups) => Some(groups.into_iter().map(|g| (g.id.clone(), g)).collect()),
        Err(error) => {
            tracing::warn!(%error, "discord_api: the names of groups could not be read");
            None
        }
    }
}

/// Pure. `info` is the guild as Discord told it lately, if it did: nothing is asked of Discord for a list.
pub(crate) fn of(
    mapping: &Mapping,
    groups: Option<&BTreeMap<GroupId, Group>>,
    info: Option<&GuildInfo>,
) -> MappingView {
    let group = groups.and_then(|all| all.get(&mapping.group_id));
    let mut warnings = Vec::new();
    let known = groups.map(|all| all.keys().cloned().collect());
    for group in unknown_groups(&mapping.conditions, &mapping.group_id, known.as_ref()) {
        warnings.push(format!(
            "the directory knows no group {group}; this mapping is undecided: it neither gives nor takes its role"
        ));
    }
    let obstacle = info.and_then(|info| obstacle(info, None, mapping.role_id));
    if let Some(why) = obstacle {
        warnings.push(format!(
            "role {} ({}) cannot be given or taken: {}. {}",
            mapping.role_name,
            mapping.role_id,
            why.as_str(),
            why.remedy()
        ));
    }
    MappingView {
        id: mapping.id.to_string(),
        guild_id: mapping.guild_id.to_string(),
        group_id: mapping.group_id.to_string(),
        group_name: group.map_or(&mapping.group_name, |g| &g.name).clone(),
        group_description: group.and_then(|g| g.description.clone()),
        discord_role_id: mapping.role_id.to_string(),
        discord_role_name: mapping.role_name.clone(),
        is_active: mapping.is_active,
        enabled: mapping.is_active,
        priority: mapping.priority,
        conditions: ConditionsView::from(&mapping.conditions),
        created_by: mapping.created_by,
        created_at: mapping.created_at.to_rfc3339(),
        updated_at: mapping.updated_at.to_rfc3339(),
        last_sync: mapping.last_sync.map(Timestamp::to_rfc3339),
        sync_count: mapping.sync_count,
        stale: (groups.is_some() && group.is_none()) || obstacle == Some(Obstacle::RoleMissing),
        sync_id: None,
        warnings,
    }
}

/// Why somebody keeps a role that a mapping named before it was changed.
pub(crate) fn kept(fate: Fate, before: &Mapping) -> Vec<String> {
    match fate {
        Fate::AsBefore | Fate::Taken(_) => Vec::new(),
        Fate::Shared(_) | Fate::Kept(_) => fate.told(&before.role_name).into_iter().collect(),
    }
}

/// The guild of a mapping, if Discord told of it since the mapping was last changed.
pub(crate) fn guild_info(web: &Web, mapping: &Mapping) -> Option<Arc<GuildInfo>> {
    let services = &web.services;
    let now = services.clock.now();
    services
        .cache
        .info_read_after(mapping.guild_id, mapping.updated_at, now)
}

/// The mapping as it is sent.
pub(crate) async fn view(web: &Web, mapping: &Mapping) -> Result<MappingView, StoreError> {
    let info = guild_info(web, mapping);
    Ok(of(mapping, all_groups(web).await.as_ref(), info.as_deref()))
}

/// The tag of what somebody can change of a mapping; what the system notes beside it plays no part.
pub(crate) fn tag(mapping: &Mapping) -> String {
    let plain = Mapping {
        last_sync: None,
        sync_count: 0,
        ..mapping.clone()
    };
    etag::of(&serde_json::to_vec(&plain).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use rolecall_core::guild::{Role, RoleLooks};
    use rolecall_core::{GuildId, RoleId};

    use super::*;

    fn mapping() -> Mapping {
        Mapping {
            id: "64b000000000000000000001".into(),
            guild_id: GuildId::new(1).unwrap(),
            group_id: "pilots".into(),
            group_name: "Pilots then".to_owned(),
            role_id: RoleId::new(2).unwrap(),
            role_name: "Pilot".to_owned(),
            priority: 0,
            conditions: Conditions::default(),
            is_active: true,
            created_by: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            last_sync: Some(Timestamp(1_000)),
            sync_count: 3,
        }
    }

    fn info(roles: &[u64]) -> GuildInfo {
        let role = |id: &u64| Role {
            id: RoleId::new(*id).unwrap(),
            name: format!("r{id}"),
            position: 1,
            managed: false,
            permissions: 0,
            looks: RoleLooks::default(),
        };
        GuildInfo {
            id: GuildId::new(1).unwrap(),
            name: "Corp".to_owned(),
            owner_id: None,
            roles: roles.iter().map(role).collect(),
        }
    }

    fn groups(names: &[&str]) -> BTreeMap<GroupId, Group> {
        let group = |name: &str| Group {
            id: name.into(),
            name: format!("{name} now"),
            description: Some("Who flies".to_owned()),
        };
        names.iter().map(|n| (GroupId::from(*n), group(n))).collect()
    }

    #[test]
    fn a_mapping_is_stale_once_its_group_or_its_role_is_known_to_be_gone() {
        let view = |known: Option<&[&str]>, roles: Option<&[u64]>| {
            of(&mapping(), known.map(groups).as_ref(), roles.map(info).as_ref())
        };
        let fine = view(Some(&["pilots"]), Some(&[2]));
        assert!(!fine.stale && fine.warnings.is_empty(), "{fine:?}");
        assert_eq!(fine.group_name, "pilots now");
        assert_eq!(fine.group_description.as_deref(), Some("Who flies"));
        assert!(!view(None, None).stale, "nobody knows");
        let no_group = view(Some(&["scouts"]), Some(&[2]));
        assert!(no_group.stale && no_group.warnings.len() == 1, "{no_group:?}");
        assert_eq!(no_group.group_name, "Pilots then");
        let no_role = view(Some(&["pilots"]), Some(&[3]));
        assert!(
            no_role.stale && no_role.warnings[0].contains("role_missing"),
            "{no_role:?}"
        );
    }

    #[test]
    fn a_sync_does_not_change_the_tag() {
        let synced = Mapping {
            last_sync: Some(Timestamp(9_000)),
            sync_count: 4,
            ..mapping()
        };
        assert_eq!(tag(&mapping()), tag(&synced));
        let changed = Mapping {
            priority: 1,
            ..mapping()
        };
        assert_ne!(tag(&mapping()), tag(&changed));
    }
}
