//! Configured guilds.

use std::time::Duration;

use rolecall_core::guild::{GuildConfig, GuildHealth, GuildSettings, HealthStatus};
use rolecall_core::ids::ChannelId;
use rolecall_core::ports::NewGuild;
use rolecall_core::time::Timestamp;

use crate::fixture::Fixture;
use crate::given::{PAST, account, config, group, guild, is_hex_id, mapping};

fn new(config: GuildConfig, token: Option<&str>) -> NewGuild {
    NewGuild {
        config,
        sealed_token: token.map(str::to_owned),
    }
}

fn settings() -> GuildSettings {
    GuildSettings {
        auto_sync: false,
        sync_interval: Some(Duration::from_millis(5_400_250)),
        sync_on_join: false,
        remove_roles_on_leave: false,
        audit_channel_id: ChannelId::new(4_000_000_000_000_000_001),
        notification_channel_id: ChannelId::new(4_000_000_000_000_000_002),
        max_role_changes_per_sync: Some(100),
    }
}

fn health(status: HealthStatus) -> GuildHealth {
    GuildHealth {
        status,
        last_error: Some("the role Pilot is above the bot's".to_owned()),
        checked_at: Timestamp(PAST.0 + 1_234),
        bot_permissions: Some(u64::MAX),
        owner_id: Some(account(77)),
    }
}

pub(crate) async fn a_guild_reads_back_as_it_was_given<F: Fixture>(fixture: F) {
    let guilds = &fixture.stores().guilds;
    let mut plain = config(2, "Beta");
    plain.is_enabled = false;
    plain.bot_user_id = None;
    assert!(
        guilds
            .put(new(config(1, "Alpha"), Some("sealed-1")))
            .await
            .unwrap()
    );
    assert!(guilds.put(new(plain.clone(), None)).await.unwrap());
    assert_eq!(guilds.get(guild(1)).await.unwrap(), Some(config(1, "Alpha")));
    assert_eq!(guilds.get(guild(2)).await.unwrap(), Some(plain));
    assert_eq!(guilds.get(guild(3)).await.unwrap(), None);
    assert_eq!(
        guilds.sealed_token(guild(1)).await.unwrap().as_deref(),
        Some("sealed-1")
    );
    assert_eq!(guilds.sealed_token(guild(3)).await.unwrap(), None);
}

pub(crate) async fn a_changed_guild_keeps_its_token_and_the_time_it_was_added<F: Fixture>(fixture: F) {
    let guilds = &fixture.stores().guilds;
    guilds
        .put(new(config(1, "Alpha"), Some("sealed-1")))
        .await
        .unwrap();
    let later = Timestamp(PAST.0 + 5_000);
    let changed = GuildConfig {
        guild_name: "Renamed".to_owned(),
        is_enabled: false,
        created_at: later,
        updated_at: later,
        ..config(1, "")
    };
    assert!(!guilds.put(new(changed.clone(), None)).await.unwrap());
    let wanted = GuildConfig {
        created_at: PAST,
        ..changed
    };
    assert_eq!(guilds.get(guild(1)).await.unwrap(), Some(wanted.clone()));
    assert_eq!(
        guilds.sealed_token(guild(1)).await.unwrap().as_deref(),
        Some("sealed-1")
    );
    assert!(!guilds.put(new(wanted, Some("sealed-2"))).await.unwrap());
    assert_eq!(
        guilds.sealed_token(guild(1)).await.unwrap().as_deref(),
        Some("sealed-2")
    );
}

pub(crate) async fn guilds_are_listed_by_name<F: Fixture>(fixture: F) {
    let guilds = &fixture.stores().guilds;
    assert_eq!(guilds.list().await.unwrap(), []);
    for (n, name) in [(3, "Beta"), (4, "Alpha"), (2, "Beta")] {
        guilds.put(new(config(n, name), Some("t"))).await.unwrap();
    }
    let listed = guilds.list().await.unwrap();
    assert_eq!(
        listed.iter().map(|g| g.guild_id).collect::<Vec<_>>(),
        [guild(4), guild(2), guild(3)]
    );
}

pub(crate) async fn a_removed_guild_takes_its_mappings_with_it<F: Fixture>(fixture: F) {
    let (guilds, mappings) = (&fixture.stores().guilds, &fixture.stores().mappings);
    for n in [1, 2] {
        guilds.put(new(config(n, "G"), Some("t"))).await.unwrap();
        for m in [1, 2] {
            mappings
                .add(mapping(n * 10 + m, guild(n), group(m)))
                .await
                .unwrap()
                .unwrap();
        }
    }
    assert!(guilds.remove(guild(1)).await.unwrap());
    assert!(!guilds.remove(guild(1)).await.unwrap());
    assert_eq!(guilds.get(guild(1)).await.unwrap(), None);
    assert_eq!(guilds.sealed_token(guild(1)).await.unwrap(), None);
    assert_eq!(mappings.list(Some(guild(1))).await.unwrap(), []);
    assert_eq!(mappings.list(None).await.unwrap().len(), 2);
}

pub(crate) async fn settings_health_and_who_added_it_read_back_as_they_were_given<F: Fixture>(fixture: F) {
    let guilds = &fixture.stores().guilds;
    for (n, status) in [
        (1, HealthStatus::Healthy),
        (2, HealthStatus::Degraded),
        (3, HealthStatus::Unhealthy),
    ] {
        let given = GuildConfig {
            settings: settings(),
            health: Some(health(status)),
            created_by: Some(9_000_000_000),
            ..config(n, "Alpha")
        };
        guilds.put(new(given.clone(), Some("t"))).await.unwrap();
        assert_eq!(guilds.get(guild(n)).await.unwrap().as_ref(), Some(&given));
        assert!(guilds.list().await.unwrap().contains(&given));
    }
}

pub(crate) async fn health_is_noted_without_touching_anything_else<F: Fixture>(fixture: F) {
    let guilds = &fixture.stores().guilds;
    let given = GuildConfig {
        settings: settings(),
        ..config(1, "Alpha")
    };
    guilds.put(new(given.clone(), Some("t"))).await.unwrap();
    guilds.put(new(config(2, "Beta"), Some("t"))).await.unwrap();
    let bare = GuildHealth {
        last_error: None,
        bot_permissions: None,
        owner_id: None,
        ..health(HealthStatus::Healthy)
    };
    for found in [health(HealthStatus::Unhealthy), bare] {
        guilds.set_health(guild(1), &found).await.unwrap();
        let wanted = GuildConfig {
            health: Some(found),
            ..given.clone()
        };
        assert_eq!(wanted.updated_at, PAST);
        assert_eq!(guilds.get(guild(1)).await.unwrap(), Some(wanted));
    }
    assert_eq!(guilds.get(guild(2)).await.unwrap(), Some(config(2, "Beta")));
    let token = guilds.sealed_token(guild(1)).await.unwrap();
    assert_eq!(token.as_deref(), Some("t"));
    // A guild that was removed meanwhile does not come back.
    let found = health(HealthStatus::Healthy);
    guilds.set_health(guild(3), &found).await.unwrap();
    assert_eq!(guilds.get(guild(3)).await.unwrap(), None);
}

pub(crate) async fn a_changed_guild_keeps_its_health_and_who_added_it<F: Fixture>(fixture: F) {
    let guilds = &fixture.stores().guilds;
    let given = GuildConfig {
        settings: settings(),
        created_by: Some(5),
        ..config(1, "Alpha")
    };
    guilds.put(new(given.clone(), Some("t"))).await.unwrap();
    let found = health(HealthStatus::Degraded);
    guilds.set_health(guild(1), &found).await.unwrap();
    // Read before the look, written after it.
    let changed = GuildConfig {
        settings: GuildSettings::default(),
        created_by: Some(6),
        updated_at: Timestamp(PAST.0 + 9),
        ..given.clone()
    };
    guilds.put(new(changed.clone(), None)).await.unwrap();
    let wanted = GuildConfig {
        health: Some(found),
        created_by: Some(5),
        ..changed
    };
    assert_eq!(guilds.get(guild(1)).await.unwrap(), Some(wanted));
}

pub(crate) async fn a_record_id_stays_as_long_as_the_guild<F: Fixture>(fixture: F) {
    let guilds = &fixture.stores().guilds;
    assert_eq!(guilds.record_id(guild(1)).await.unwrap(), None);
    for n in [1, 2] {
        guilds.put(new(config(n, "Alpha"), Some("t"))).await.unwrap();
    }
    let of = async |n| guilds.record_id(guild(n)).await.unwrap().unwrap();
    let (first, second) = (of(1).await, of(2).await);
    assert!(is_hex_id(&first) && is_hex_id(&second) && first != second);
    guilds.put(new(config(1, "Renamed"), None)).await.unwrap();
    let found = health(HealthStatus::Healthy);
    guilds.set_health(guild(1), &found).await.unwrap();
    assert_eq!(of(1).await, first);
    guilds.remove(guild(1)).await.unwrap();
    assert_eq!(guilds.record_id(guild(1)).await.unwrap(), None);
}
