//! Reading members: one, or a page.

use reqwest::Method;
use rolecall_core::guild::Member;
use rolecall_core::ids::{DiscordId, GuildId};
use rolecall_core::ports::{BotToken, CallError, CallOptions, MEMBER_PAGE};

use super::DiscordClient;
use super::errors::unreadable;
use super::model::MemberBody;
use super::routes::{MEMBER, MEMBERS};

impl DiscordClient {
    pub(super) async fn get_member(
        &self,
        token: &BotToken,
        guild: GuildId,
        user: DiscordId,
        options: &CallOptions,
    ) -> Result<Member, CallError> {
        let request = self.request(Method::GET, &format!("/guilds/{guild}/members/{user}"));
        let body: MemberBody = self
            .call(MEMBER, Some(guild), token, options, request)
            .await?
            .read(MEMBER)?;
        let member = body.of(guild);
        if member.id != user {
            return Err(unreadable(MEMBER.template, Some(200), "it is another member"));
        }
        Ok(member)
    }

    pub(super) async fn get_members(
        &self,
        token: &BotToken,
        guild: GuildId,
        after: Option<DiscordId>,
        options: &CallOptions,
    ) -> Result<Vec<Member>, CallError> {
        let from = after.map_or(0, DiscordId::get);
        let path = format!("/guilds/{guild}/members?limit={MEMBER_PAGE}&after={from}");
        let request = self.request(Method::GET, &path);
        let page: Vec<MemberBody> = self
            .call(MEMBERS, Some(guild), token, options, request)
            .await?
            .read(MEMBERS)?;
        in_order(page.into_iter().map(|body| body.of(guild)).collect(), after)
            .map_err(|what| unreadable(MEMBERS.template, Some(200), what))
    }
}

/// A page in ascending order of ids. Pages that would make a reader loop, or believe that a list is complete which is
/// not, are refused.
fn in_order(mut page: Vec<Member>, after: Option<DiscordId>) -> Result<Vec<Member>, &'static str> {
    if !page.is_sorted_by_key(|member| member.id) {
        page.sort_unstable_by_key(|member| member.id);
    }
    if page.first().is_some_and(|first| Some(first.id) <= after) {
        return Err("the page does not begin behind the last one");
    }
    if page.windows(2).any(|pair| pair[0].id == pair[1].id) {
        return Err("a member is in the page twice");
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: &[u64]) -> Vec<Member> {
        ids.iter()
            .map(|id| Member {
                id: DiscordId::new(*id).unwrap(),
                bot: false,
                roles: Vec::new(),
                joined_at: None,
            })
            .collect()
    }

    #[test]
    fn a_page_is_sorted_and_one_that_would_loop_is_refused() {
        let sorted = in_order(page(&[3, 1, 2]), None).unwrap();
        assert_eq!(sorted.iter().map(|m| m.id.get()).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(in_order(page(&[3, 4]), DiscordId::new(3)).is_err());
        assert!(in_order(page(&[4, 4]), None).is_err());
        assert!(in_order(page(&[4]), DiscordId::new(3)).is_ok());
        assert!(in_order(page(&[]), DiscordId::new(3)).is_ok());
    }
}
