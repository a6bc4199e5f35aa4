//! Linked accounts as people see them.

use std::time::Duration;

use rolecall_core::account::{LinkedAccount, Profile, ProfileGuild};
use rolecall_core::ids::DiscordId;
use rolecall_core::link::{Link, SealedTokens};
use rolecall_core::ports::AccountFilter;
use rolecall_core::time::Timestamp;

use crate::fixture::{Fixture, Stores};
use crate::given::{PAST, account, guild, is_hex_id, link, user};

fn at(seconds: u64) -> Timestamp {
    PAST + Duration::from_secs(seconds)
}

fn profile() -> Profile {
    Profile {
        username: "ada".to_owned(),
        global_name: Some("Ada L.".to_owned()),
        avatar: Some("a_1f".to_owned()),
        scopes: vec!["identify".to_owned(), "guilds.join".to_owned()],
        guilds: vec![
            ProfileGuild {
                id: guild(1),
                name: "Alpha".to_owned(),
                permissions: Some("2147483647".to_owned()),
            },
            ProfileGuild {
                id: guild(2),
                name: String::new(),
                permissions: None,
            },
        ],
    }
}

async fn linked(stores: &Stores, link: Link) {
    stores.links.put(&link, None).await.unwrap();
}

async fn listed(stores: &Stores, filter: AccountFilter) -> (Vec<DiscordId>, u64) {
    let (page, total) = stores.accounts.list(&filter, 0, 100).await.unwrap();
    (page.into_iter().map(|a| a.discord_id).collect(), total)
}

async fn only(stores: &Stores) -> LinkedAccount {
    let (mut page, total) = stores
        .accounts
        .list(&AccountFilter::default(), 0, 10)
        .await
        .unwrap();
    assert_eq!((page.len(), total), (1, 1));
    page.remove(0)
}

pub(crate) async fn accounts_are_listed_with_the_newest_link_first_in_pages_with_a_total<F: Fixture>(
    fixture: F,
) {
    let stores = fixture.stores();
    let (page, total) = stores
        .accounts
        .list(&AccountFilter::default(), 0, 9)
        .await
        .unwrap();
    assert_eq!((page.len(), total), (0, 0));
    let short = DiscordId::new(99_000_000_000_000_000).unwrap();
    for (id, linked_at) in [
        (account(1), at(1)),
        (account(2), at(3)),
        (account(3), at(2)),
        (account(4), at(2)),
        (short, at(2)),
    ] {
        let given = Link {
            discord_id: id,
            linked_at,
            ..link(1, user(1))
        };
        linked(stores, given).await;
    }
    // As numbers: the short one is the least, whatever it begins with.
    let wanted = [account(2), account(4), account(3), short, account(1)];
    let mut walked = Vec::new();
    for skip in [0, 2, 4, 6] {
        let (page, total) = stores
            .accounts
            .list(&AccountFilter::default(), skip, 2)
            .await
            .unwrap();
        assert_eq!(total, 5);
        walked.extend(page.into_iter().map(|a| a.discord_id));
    }
    assert_eq!(walked, wanted);
    let (page, total) = stores
        .accounts
        .list(&AccountFilter::default(), 0, 0)
        .await
        .unwrap();
    assert_eq!((page.len(), total), (0, 5));
}

pub(crate) async fn an_account_filter_narrows_the_page_and_the_total<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    for (n, owner, is_active) in [(1, 1, true), (2, 1, false), (3, 2, true)] {
        let given = Link {
            is_active,
            linked_at: at(n),
            ..link(n, user(owner))
        };
        linked(stores, given).await;
    }
    let of = |is_active, discord_id: Option<u64>, user_id: Option<u64>| AccountFilter {
        is_active,
        discord_id: discord_id.map(account),
        user_id: user_id.map(user),
        guild_id: None,
    };
    stores.accounts.set_profile(account(3), &profile()).await.unwrap();
    let in_guild = |n, user_id: Option<u64>| AccountFilter {
        guild_id: Some(guild(n)),
        ..of(None, None, user_id)
    };
    for (filter, wanted) in [
        (of(Some(true), None, None), vec![3, 1]),
        (of(Some(false), None, None), vec![2]),
        (of(None, None, Some(1)), vec![2, 1]),
        (of(Some(true), None, Some(1)), vec![1]),
        (of(None, Some(3), None), vec![3]),
        (of(None, Some(3), Some(1)), vec![]),
        (of(Some(true), Some(2), None), vec![]),
        (of(None, Some(9), None), vec![]),
        (of(None, None, Some(9)), vec![]),
        (in_guild(2, None), vec![3]),
        (in_guild(2, Some(1)), vec![]),
        (in_guild(7, None), vec![]),
    ] {
        let total = wanted.len() as u64;
        let wanted: Vec<_> = wanted.into_iter().map(account).collect();
        assert_eq!(
            listed(stores, filter.clone()).await,
            (wanted, total),
            "{filter:?}"
        );
    }
}

pub(crate) async fn a_profile_reads_back_as_it_was_given_and_changes_nothing_else<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let sealed = SealedTokens {
        access: "a".to_owned(),
        refresh: "r".to_owned(),
        expiry: at(60),
    };
    stores.links.put(&link(1, user(1)), Some(sealed)).await.unwrap();
    let before = only(stores).await;
    let plain = Profile {
        username: link(1, user(1)).username,
        ..Profile::default()
    };
    assert!(is_hex_id(&before.id), "{}", before.id);
    assert_eq!((&before.profile, before.last_sync), (&plain, None));
    assert_eq!((&before.user_id, before.discord_id), (&user(1), account(1)));
    assert_eq!((before.linked_at, before.updated_at), (PAST, PAST));
    assert_eq!(before.token_expiry, Some(at(60)));
    assert!(before.is_active && !before.needs_consent);

    stores.accounts.set_profile(account(1), &profile()).await.unwrap();
    stores.accounts.set_last_sync(account(1), at(5)).await.unwrap();
    let known = LinkedAccount {
        profile: profile(),
        last_sync: Some(at(5)),
        ..before.clone()
    };
    assert_eq!(only(stores).await, known);
    // What is no longer there goes.
    let bare = Profile {
        username: "ada".to_owned(),
        ..Profile::default()
    };
    stores.accounts.set_profile(account(1), &bare).await.unwrap();
    assert_eq!(only(stores).await.profile, bare);
    // A link that changes keeps what is known of the account, and its id.
    stores.accounts.set_profile(account(1), &profile()).await.unwrap();
    let renamed = Link {
        username: "ada lovelace".to_owned(),
        ..link(1, user(1))
    };
    linked(stores, renamed).await;
    let after = only(stores).await;
    let kept = Profile {
        username: "ada lovelace".to_owned(),
        ..profile()
    };
    assert_eq!(
        (after.profile, after.last_sync, after.id),
        (kept, Some(at(5)), before.id)
    );
    // Of an account that nobody linked, nothing is noted.
    stores.accounts.set_profile(account(2), &profile()).await.unwrap();
    stores.accounts.set_last_sync(account(2), at(5)).await.unwrap();
    assert_eq!(stores.links.of_account(account(2)).await.unwrap(), None);
}

pub(crate) async fn a_removed_account_is_forgotten_with_all_that_was_known_of_it<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    let sealed = SealedTokens {
        access: "a".to_owned(),
        refresh: "r".to_owned(),
        expiry: at(60),
    };
    for n in [1, 2] {
        let tokens = Some(sealed.clone());
        stores.links.put(&link(n, user(n)), tokens).await.unwrap();
        stores.accounts.set_profile(account(n), &profile()).await.unwrap();
        stores.accounts.set_last_sync(account(n), at(5)).await.unwrap();
    }
    assert!(stores.accounts.remove(account(1)).await.unwrap());
    assert!(!stores.accounts.remove(account(1)).await.unwrap());
    assert_eq!(stores.links.of_account(account(1)).await.unwrap(), None);
    assert_eq!(stores.links.tokens(account(1)).await.unwrap(), None);
    assert_eq!(only(stores).await.discord_id, account(2));
    assert_eq!(stores.links.count_active().await.unwrap(), 1);
    // Who links the account again begins anew.
    linked(stores, link(1, user(3))).await;
    let filter = AccountFilter {
        discord_id: Some(account(1)),
        ..AccountFilter::default()
    };
    let (found, _) = stores.accounts.list(&filter, 0, 1).await.unwrap();
    let again = &found[0];
    assert_eq!((again.profile.global_name.clone(), again.last_sync), (None, None));
    assert_eq!((again.token_expiry, again.profile.guilds.len()), (None, 0));
}

pub(crate) async fn a_sync_of_all_is_noted_on_every_active_account<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    for n in [1, 2, 3] {
        let is_active = n != 3;
        let link = Link {
            is_active,
            ..link(n, user(n))
        };
        linked(stores, link).await;
    }
    stores.accounts.set_last_sync(account(1), at(2)).await.unwrap();
    stores.accounts.set_last_sync_of_all(at(5)).await.unwrap();
    let (found, _) = stores
        .accounts
        .list(&AccountFilter::default(), 0, 9)
        .await
        .unwrap();
    let synced: std::collections::BTreeMap<_, _> =
        found.iter().map(|a| (a.discord_id, a.last_sync)).collect();
    let expected = [
        (account(1), Some(at(5))),
        (account(2), Some(at(5))),
        (account(3), None),
    ];
    assert_eq!(synced, expected.into());
    assert!(found.iter().all(|a| a.updated_at == PAST));
}
