//! How refreshes of tokens go.

use std::time::Duration;

use rolecall_core::account::LinkedAccount;
use rolecall_core::link::{Link, SealedTokens};
use rolecall_core::ports::{AccountFilter, Begun, REFRESH_TAKES, consent};
use rolecall_core::time::Timestamp;

use crate::fixture::{Fixture, Stores};
use crate::given::{PAST, account, link, user};

fn later(seconds: u64) -> Timestamp {
    PAST + Duration::from_secs(seconds)
}

fn tokens(name: &str) -> SealedTokens {
    SealedTokens {
        access: format!("access-{name}"),
        refresh: format!("refresh-{name}"),
        expiry: PAST,
    }
}

async fn linked(stores: &Stores, n: u64) {
    let given = stores.links.put(&link(n, user(n)), Some(tokens("a"))).await;
    given.unwrap();
}

async fn shown(stores: &Stores, n: u64) -> LinkedAccount {
    let filter = AccountFilter {
        discord_id: Some(account(n)),
        ..AccountFilter::default()
    };
    stores.accounts.list(&filter, 0, 1).await.unwrap().0.remove(0)
}

/// After the first refresh, so many seconds and the time that a refresh may take.
fn over(seconds: u64) -> Timestamp {
    later(seconds) + REFRESH_TAKES
}

const fn now(unknown_since: Option<Timestamp>) -> Begun {
    Begun::Now { unknown_since }
}

pub(crate) async fn a_refresh_whose_end_is_not_known_is_told_to_the_next_one<F: Fixture>(fixture: F) {
    let (stores, again) = (fixture.stores(), fixture.again().await);
    linked(stores, 1).await;
    linked(stores, 2).await;
    let begin = async |n, at| again.refreshes.begin(account(n), at).await.unwrap();
    let nothing_done = async |n, since| stores.refreshes.nothing_done(account(n), since).await.unwrap();
    assert_eq!(begin(1, later(1)).await, now(None));
    // While it may still be under way, nobody else begins.
    assert_eq!(begin(1, later(2)).await, Begun::UnderWay);
    assert_eq!(begin(2, later(2)).await, now(None));
    // The first of those whose end is not known stays.
    assert_eq!(begin(1, over(1)).await, now(Some(later(1))));
    assert_eq!(begin(1, over(2)).await, Begun::UnderWay);
    nothing_done(1, Some(later(1))).await;
    assert_eq!(begin(1, over(3)).await, now(Some(later(1))));
    nothing_done(1, None).await;
    assert_eq!(begin(1, over(4)).await, now(None));
    assert_eq!(begin(2, over(4)).await, now(Some(later(2))));
    // A change of the link says nothing about it; tokens of a new login do.
    stores.links.put(&link(1, user(1)), None).await.unwrap();
    assert_eq!(begin(1, over(5)).await, Begun::UnderWay);
    linked(stores, 1).await;
    assert_eq!(begin(1, over(6)).await, now(None));
    assert_eq!(begin(9, later(7)).await, now(None));
    assert_eq!(stores.links.of_account(account(9)).await.unwrap(), None);
}

pub(crate) async fn of_sixteen_who_begin_a_refresh_at_once_one_does<F: Fixture>(fixture: F) {
    let stores = [fixture.stores().clone(), fixture.again().await];
    linked(&stores[0], 1).await;
    let mut begins = tokio::task::JoinSet::new();
    for n in 0..16 {
        let refreshes = stores[n % 2].refreshes.clone();
        begins.spawn(async move { refreshes.begin(account(1), later(1)).await.unwrap() });
    }
    let begun = begins.join_all().await;
    assert_eq!(begun.iter().filter(|b| **b == now(None)).count(), 1);
    assert_eq!(begun.iter().filter(|b| **b == Begun::UnderWay).count(), 15);
}

pub(crate) async fn a_new_pair_is_stored_only_in_the_place_of_the_one_it_was_made_of<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    linked(stores, 1).await;
    linked(stores, 2).await;
    let (ours, new) = (account(1), tokens("b"));
    let succeed = async |user, instead_of| {
        stores
            .refreshes
            .succeed(ours, &user, instead_of, &new)
            .await
            .unwrap()
    };
    let kept = async || stores.links.tokens(ours).await.unwrap();
    stores.refreshes.begin(ours, later(1)).await.unwrap();
    // Somebody else's by now, another pair by now, no longer active.
    assert!(!succeed(user(2), "refresh-a").await);
    assert!(!succeed(user(1), "refresh-x").await);
    let inactive = Link {
        is_active: false,
        ..link(1, user(1))
    };
    stores.links.put(&inactive, None).await.unwrap();
    assert!(!succeed(user(1), "refresh-a").await);
    assert_eq!(kept().await, Some(tokens("a")));

    stores.links.put(&link(1, user(1)), None).await.unwrap();
    assert!(succeed(user(1), "refresh-a").await);
    assert!(!succeed(user(1), "refresh-a").await);
    assert_eq!(kept().await, Some(new.clone()));
    assert_eq!(stores.refreshes.begin(ours, later(2)).await.unwrap(), now(None));
    let other = stores.links.tokens(account(2)).await.unwrap();
    assert_eq!(other, Some(tokens("a")));
}

pub(crate) async fn a_refused_refresh_tells_why_until_there_are_new_tokens<F: Fixture>(fixture: F) {
    let stores = fixture.stores();
    for n in 1..=4 {
        linked(stores, n).await;
    }
    assert_eq!(stores.refreshes.refused().await.unwrap(), []);
    assert_eq!(shown(stores, 1).await.consent_reason, None);
    stores.refreshes.begin(account(1), later(1)).await.unwrap();
    for (n, reason) in [
        (1, consent::LOST),
        (2, consent::REFUSED),
        (3, consent::REFUSED),
        (9, consent::LOST),
    ] {
        stores.refreshes.refuse(account(n), reason).await.unwrap();
    }
    let told = shown(stores, 1).await;
    assert!(told.needs_consent && told.is_active);
    assert_eq!(told.consent_reason.as_deref(), Some(consent::LOST));
    let counted = |lost, refused| {
        let counts = [(consent::LOST, lost), (consent::REFUSED, refused)];
        let there = counts.into_iter().filter(|(_, n)| *n > 0);
        there
            .map(|(reason, n)| (reason.to_owned(), n))
            .collect::<Vec<_>>()
    };
    assert_eq!(stores.refreshes.refused().await.unwrap(), counted(1, 2));
    // An inactive link needs nothing.
    let inactive = Link {
        is_active: false,
        needs_consent: true,
        ..link(2, user(2))
    };
    stores.links.put(&inactive, None).await.unwrap();
    assert_eq!(stores.refreshes.refused().await.unwrap(), counted(1, 1));
    // What is known of it goes with a new login.
    linked(stores, 1).await;
    let told = shown(stores, 1).await;
    assert_eq!((told.needs_consent, told.consent_reason), (false, None));
    assert_eq!(stores.refreshes.refused().await.unwrap(), counted(0, 1));
    assert_eq!(
        stores.refreshes.begin(account(1), later(2)).await.unwrap(),
        now(None)
    );
}
