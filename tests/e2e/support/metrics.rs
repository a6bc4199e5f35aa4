//! `/metrics` of a process, read as Prometheus reads it.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::StatusCode;

use super::http::client;
use super::wait_for;

/// Series by name and labels, as they are written.
pub(crate) type Series = BTreeMap<String, f64>;

/// What `/metrics` tells at this address, and its text.
pub(crate) async fn scrape(at: &str) -> (Series, String) {
    let answer = client().get(format!("http://{at}/metrics")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let text = answer.text().await.unwrap();
    let series = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let series = series
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect();
    (series, text)
}

/// The sum of all series whose name begins so and that have all these labels.
pub(crate) fn sum(series: &Series, name: &str, labels: &[&str]) -> f64 {
    let is_meant = |key: &str| {
        let (own, rest) = key.split_once('{').unwrap_or((key, ""));
        own == name && labels.iter().all(|label| rest.contains(label))
    };
    series
        .iter()
        .filter(|(key, _)| is_meant(key))
        .map(|(_, value)| value)
        .sum()
}

/// Waits until a process that was just started listens.
pub(crate) async fn until_up(at: &str) {
    wait_for("/metrics to be there", Duration::from_secs(60), || async {
        let answer = client().get(format!("http://{at}/metrics")).send().await;
        answer.is_ok().then_some(())
    })
    .await;
}
