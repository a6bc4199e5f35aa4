//! Configured guilds.

use rolecall_core::guild::GuildConfig;
use rolecall_core::ports::NewGuild;
use rolecall_core::time::Timestamp;

use crate::fixture::Fixture;
use crate::given::{PAST, config, group, guild, mapping};

fn new(config: GuildConfig, token: Option<&str>) -> NewGuild {
    NewGuild {
        config,
        sealed_token: token.map(str::to_owned),
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
