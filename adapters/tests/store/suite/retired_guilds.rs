//! Guilds that were removed while their roles are still to be taken away.

use rolecall_core::guild::RetiredGuild;
use rolecall_core::ids::RunId;
use rolecall_core::ports::NewGuild;
use rolecall_core::time::Timestamp;

use crate::fixture::Fixture;
use crate::given::{PAST, account, config, guild, new_run, role};

fn retired(n: u64, run_id: RunId) -> RetiredGuild {
    RetiredGuild {
        guild_id: guild(n),
        guild_name: "Älpha".to_owned(),
        bot_user_id: Some(account(900 + n)),
        sealed_token: format!("sealed-{n}"),
        roles: [role(1), role(2)].into(),
        run_id,
        retired_at: Timestamp(PAST.0 + 7),
    }
}

pub(crate) async fn a_retired_guild_reads_back_as_it_was_given<F: Fixture>(fixture: F) {
    let store = &fixture.stores().retired_guilds;
    let first = retired(1, new_run());
    let bare = RetiredGuild {
        bot_user_id: None,
        roles: [].into(),
        ..retired(2, new_run())
    };
    assert_eq!(store.list().await.unwrap(), []);
    for one in [&bare, &first] {
        store.put(one).await.unwrap();
    }
    let again = fixture.again().await.retired_guilds;
    assert_eq!(again.get(guild(1)).await.unwrap().as_ref(), Some(&first));
    assert_eq!(again.get(guild(3)).await.unwrap(), None);
    assert_eq!(again.list().await.unwrap(), [first.clone(), bare]);

    // The same guild, removed once more.
    let later = RetiredGuild {
        sealed_token: "sealed-anew".to_owned(),
        roles: [role(3)].into(),
        run_id: new_run(),
        ..first
    };
    store.put(&later).await.unwrap();
    assert_eq!(store.get(guild(1)).await.unwrap(), Some(later));
    assert_eq!(store.list().await.unwrap().len(), 2);
}

pub(crate) async fn a_retired_guild_is_forgotten_only_by_the_run_that_it_waits_for<F: Fixture>(fixture: F) {
    let store = &fixture.stores().retired_guilds;
    let (older, newer) = (new_run(), new_run());
    store.put(&retired(1, older)).await.unwrap();
    store.put(&retired(1, newer)).await.unwrap();
    store.put(&retired(2, older)).await.unwrap();
    assert!(!store.forget(guild(1), older).await.unwrap());
    assert!(store.get(guild(1)).await.unwrap().is_some());
    assert!(store.forget(guild(1), newer).await.unwrap());
    assert!(!store.forget(guild(1), newer).await.unwrap());
    assert_eq!(store.get(guild(1)).await.unwrap(), None);
    assert_eq!(store.list().await.unwrap(), [retired(2, older)]);
}

pub(crate) async fn a_retired_guild_is_no_configured_one<F: Fixture>(fixture: F) {
    let (store, guilds) = (&fixture.stores().retired_guilds, &fixture.stores().guilds);
    let run = new_run();
    store.put(&retired(1, run)).await.unwrap();
    assert_eq!(guilds.list().await.unwrap(), []);
    assert_eq!(guilds.get(guild(1)).await.unwrap(), None);
    assert_eq!(guilds.sealed_token(guild(1)).await.unwrap(), None);
    assert!(!guilds.remove(guild(1)).await.unwrap());
    // Added anew, and removed again: neither touches the other.
    let anew = NewGuild {
        config: config(1, "Alpha"),
        sealed_token: Some("t".to_owned()),
    };
    assert!(guilds.put(anew).await.unwrap());
    assert_eq!(store.get(guild(1)).await.unwrap(), Some(retired(1, run)));
    assert!(guilds.remove(guild(1)).await.unwrap());
    assert_eq!(store.get(guild(1)).await.unwrap(), Some(retired(1, run)));
}
