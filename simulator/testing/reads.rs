//! Reading.

use serde_json::json;

use super::*;

const MEMBER_FIELDS: [&str; 12] = [
    "avatar",
    "banner",
    "communication_disabled_until",
    "deaf",
    "flags",
    "joined_at",
    "mute",
    "nick",
    "pending",
    "premium_since",
    "roles",
    "user",
];

#[derive(serde::Deserialize)]
struct Row {
    user: RowUser,
}

#[derive(serde::Deserialize)]
struct RowUser {
    id: String,
}

#[tokio::test]
async fn a_member_has_the_twelve_fields_of_the_specification() {
    let server = start().await;
    let member = server.get(&member(ADA)).await.json();
    let mut fields: Vec<&String> = member.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, MEMBER_FIELDS);
    assert_eq!(member["user"]["id"], ADA.to_string());
}

#[tokio::test]
async fn a_guild_has_the_forty_fields_of_the_specification() {
    let server = start().await;
    let guild = server.get(&format!("/guilds/{GUILD}")).await.json();
    assert_eq!(guild.as_object().unwrap().len(), 40);
    let roles = guild["roles"].as_array().unwrap();
    assert_eq!(roles.len(), 6, "with @everyone and the bot's own");
    let own = roles.iter().find(|role| role["tags"].is_object()).unwrap();
    assert_eq!(
        (&own["managed"], &own["tags"]["bot_id"]),
        (&json!(true), &json!(server.bot.to_string()))
    );
}

#[tokio::test]
async fn a_page_has_one_member_by_default_and_at_most_a_thousand() {
    let server = start().await;
    let list = format!("/guilds/{GUILD}/members");
    assert_eq!(server.get(&list).await.json().as_array().unwrap().len(), 1);
    let answer = server.get(&format!("{list}?limit=1001")).await;
    assert_eq!((answer.status, answer.code()), (400, 50035));
    assert_eq!(
        answer.json()["errors"]["limit"]["_errors"][0]["code"],
        "NUMBER_TYPE_MAX"
    );
}

#[tokio::test]
async fn a_page_ends_short_at_the_last_member() {
    let server = start().await;
    let everyone = server.simulator.all_roles(GUILD);
    let (mut after, mut seen) = (0, Vec::<u64>::new());
    loop {
        let page = server
            .get(&format!("/guilds/{GUILD}/members?limit=3&after={after}"))
            .await
            .json();
        let ids = page
            .as_array()
            .unwrap()
            .iter()
            .map(|member| member["user"]["id"].as_str().unwrap().parse().unwrap());
        let ids: Vec<u64> = ids.collect();
        seen.extend(&ids);
        after = ids.last().copied().unwrap_or(after);
        if ids.len() < 3 {
            break;
        }
    }
    assert_eq!(seen, everyone.iter().map(|member| member.0).collect::<Vec<_>>());
    assert_eq!(seen.len(), 4, "Ada, Bob, the owner and the bot");
}

#[tokio::test]
async fn hundred_thousand_members_page_quickly() {
    let server = start().await;
    let users = server.simulator.add_users("member", 100_000);
    server
        .simulator
        .add_members(GUILD, users.into_iter().map(|user| (user, vec![LOW, MIDDLE])));
    let (mut after, mut seen, mut pages) = (String::from("0"), 0, 0);
    loop {
        let answer = server
            .get(&format!("/guilds/{GUILD}/members?limit=1000&after={after}"))
            .await;
        let page: Vec<Row> = serde_json::from_str(&answer.text).unwrap();
        (seen, pages) = (seen + page.len(), pages + 1);
        if page.len() < 1_000 {
            break;
        }
        after.clone_from(&page[999].user.id);
        server.advance(1_000);
    }
    assert_eq!((seen, pages), (100_004, 101));
    let counts = server
        .get(&format!("/guilds/{GUILD}/roles/member-counts"))
        .await
        .json();
    assert_eq!(counts[LOW.to_string()], 100_000);
}

#[tokio::test]
async fn without_the_intent_the_list_is_refused_and_single_members_are_not() {
    let server = start().await;
    server.simulator.set_members_intent(server.bot, false);
    let answer = server.get(&format!("/guilds/{GUILD}/members?limit=1000")).await;
    assert_eq!((answer.status, answer.code()), (403, 50001));
    assert_eq!(server.get(&member(ADA)).await.status, 200);
    let application = server.get("/applications/@me").await.json();
    assert_eq!(application["flags"], 0);
}

#[tokio::test]
async fn search_finds_by_the_beginning_of_a_name() {
    let server = start().await;
    let user = server.simulator.add_user("Grace Hopper");
    server.simulator.add_member(GUILD, user, &[]);
    let found = server
        .get(&format!("/guilds/{GUILD}/members/search?query=grace&limit=5"))
        .await
        .json();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["user"]["id"], user.to_string());
}

#[tokio::test]
async fn a_bot_that_was_thrown_out_has_no_access() {
    let server = start().await;
    server.simulator.kick_bot(GUILD, server.bot);
    let answer = server.get(&format!("/guilds/{GUILD}")).await;
    assert_eq!((answer.status, answer.code()), (403, 50001));
}

#[tokio::test]
async fn the_guilds_of_a_bot_come_in_pages() {
    let server = start().await;
    for n in 0..4 {
        let bots = vec![BotIn::with_token(TOKEN)];
        server.simulator.add_guild(NewGuild {
            name: format!("guild {n}"),
            bots,
            ..NewGuild::default()
        });
    }
    let first = server.get("/users/@me/guilds?limit=3").await.json();
    let last = first[2]["id"].as_str().unwrap().to_owned();
    server.advance(1_000);
    let second = server
        .get(&format!("/users/@me/guilds?limit=3&after={last}"))
        .await
        .json();
    assert_eq!(
        (first.as_array().unwrap().len(), second.as_array().unwrap().len()),
        (3, 2)
    );
    assert_eq!(
        first[0]["permissions"],
        (402_672_769 | crate::permissions::EVERYONE_DEFAULT).to_string()
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_as_discord_says_it() {
    let server = start().await;
    let bad_token = server
        .http
        .get(format!("{}/api/v10/users/@me", server.base))
        .header("authorization", "Bot x");
    let answer = read(bad_token).await.unwrap();
    // The order of the fields says nothing, and depends on how the JSON library was built.
    let body: Value = serde_json::from_str(&answer.text).unwrap();
    let unauthorized = json!({"code": 0, "message": "401: Unauthorized"});
    assert_eq!((answer.status, body), (401, unauthorized));
    let unknown = server.get("/nothing").await;
    assert_eq!((unknown.status, unknown.code()), (404, 0));
    let unversioned = read(server.http.get(format!("{}/api/users/@me", server.base)))
        .await
        .unwrap();
    assert_eq!(unversioned.status, 404);
    let agent = server
        .http
        .get(format!("{}/api/v10/users/@me", server.base))
        .header("user-agent", "curl/8");
    let answer = read(agent).await.unwrap();
    assert_eq!((answer.status, answer.code()), (403, 40333));
    assert_eq!(server.get("/guilds/abc").await.code(), 50035);
}
