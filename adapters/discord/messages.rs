//! Posting a message.

use reqwest::Method;
use rolecall_core::ids::ChannelId;
use rolecall_core::ports::{BotToken, CallError, CallOptions};
use serde_json::json;

use super::DiscordClient;
use super::routes::POST_MESSAGE;

/// Most characters of a message.
const CONTENT_MOST: usize = 2_000;
/// Most characters of a nonce.
const NONCE_MOST: usize = 25;

impl DiscordClient {
    pub(super) async fn create_message(
        &self,
        token: &BotToken,
        channel: ChannelId,
        (content, nonce): (&str, &str),
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let content: String = content.chars().take(CONTENT_MOST).collect();
        let nonce: String = nonce.chars().take(NONCE_MOST).collect();
        let body = json!({
            "content": content,
            "nonce": nonce,
            "enforce_nonce": true,
            // Nobody is pinged, whatever a name in the text looks like.
            "allowed_mentions": { "parse": [] },
        });
        let request = self
            .request(Method::POST, &format!("/channels/{channel}/messages"))
            .json(&body);
        self.call(POST_MESSAGE, None, token, options, request)
            .await?
            .done(POST_MESSAGE)
    }
}
