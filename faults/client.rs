//! The client of an installation, which keeps a log of what it asked and what it was told.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use crate::case::Asked;
use crate::processes::wait_for;
use crate::stage::Stage;

/// How long it waits for an answer.
const ANSWER: Duration = Duration::from_secs(30);

impl Stage {
    /// Asks for a full sync, again and again until it is promised, as a client does that was told nothing.
    pub(crate) async fn ask(&self) -> Result<(), String> {
        let everything = serde_json::json!({});
        wait_for("a sync to be accepted", Duration::from_secs(90), async || {
            self.ask_for(&everything, ANSWER)
                .await
                .filter(|asked| asked.run.is_some())
                .map(drop)
        })
        .await
    }

    /// Asks once for a sync, and notes what was answered. `None`: it could not be noted.
    pub(crate) async fn ask_for(&self, body: &serde_json::Value, within: Duration) -> Option<Asked> {
        let url = format!("{}/v1/runs", self.base);
        let sent = self
            .client
            .post(&url)
            .bearer_auth(&self.token)
            .json(body)
            .timeout(within)
            .send()
            .await;
        let mut asked = Asked {
            path: "POST /v1/runs".into(),
            status: 0,
            run: None,
            retry_after: false,
        };
        if let Ok(answer) = sent {
            asked.status = answer.status().as_u16();
            asked.retry_after = answer.headers().contains_key("retry-after");
            if asked.status == 202 {
                let body: serde_json::Value = answer.json().await.unwrap_or_default();
                asked.run = body["id"].as_str().map(ToOwned::to_owned);
            }
        }
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.client_log());
        let line = serde_json::to_string(&asked).ok()?;
        writeln!(log.ok()?, "{line}").ok()?;
        Some(asked)
    }

    /// Asks every two seconds for so long, whatever is answered.
    pub(crate) async fn ask_meanwhile(&self, span: Duration) {
        let (everything, end) = (serde_json::json!({}), Instant::now() + span);
        while Instant::now() < end {
            self.ask_for(&everything, ANSWER).await;
            tokio::time::sleep_until(end.min(Instant::now() + Duration::from_secs(2))).await;
        }
    }

    /// What /readyz answers.
    pub(crate) async fn readyz(&self) -> Option<(u16, String)> {
        let answer = self
            .client
            .get(format!("{}/readyz", self.base))
            .send()
            .await
            .ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Where the API listens, as `host:port`.
    pub(crate) fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// All that the client asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let text = std::fs::read_to_string(self.client_log()).unwrap_or_default();
        text.lines()
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect()
    }

    pub(crate) fn client_log(&self) -> PathBuf {
        self.folder.path().join("client.jsonl")
    }
}
