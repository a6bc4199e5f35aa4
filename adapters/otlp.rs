//! How traces leave the process: requests of an OpenTelemetry exporter, sent by this program's one HTTP library.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

/// Sends what an exporter gives it, from whichever thread that does.
#[derive(Debug)]
pub struct OtlpClient {
    http: reqwest::Client,
    runtime: Handle,
    /// The collector did not take the last one; that was said in the log.
    failing: AtomicBool,
}

impl OtlpClient {
    /// A client for the collector at this address. The exporter's own threads have no runtime: requests are made on the
    /// current one.
    ///
    /// # Errors
    /// A sentence, if TLS cannot be set up.
    pub fn new(endpoint: &str) -> Result<Self, String> {
        let http = crate::http::client(endpoint)
            .build()
            .map_err(|e| format!("the client for traces could not be set up ({})", e.without_url()))?;
        Ok(Self {
            http,
            runtime: Handle::current(),
            failing: AtomicBool::new(false),
        })
    }

    /// Says when it begins to fail, and when it works again; not each time.
    fn note(&self, wrong: Option<&str>) {
        let was_failing = self.failing.swap(wrong.is_some(), Ordering::Relaxed);
        match wrong {
            Some(wrong) if !was_failing => tracing::warn!(
                "Traces cannot be sent and are dropped ({wrong}); nothing else depends on them. Check \
                 OTEL_EXPORTER_OTLP_ENDPOINT"
            ),
            None if was_failing => tracing::info!("Traces can be sent again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for OtlpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let exchange = async move {
            let answer = http.execute(request.try_into()?).await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut response = Response::new(answer.bytes().await?);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok::<_, reqwest::Error>(response)
        };
        let exchanged = self.runtime.spawn(exchange).await?;
        // An address may hold a key.
        let exchanged = exchanged.map_err(reqwest::Error::without_url);
        let wrong = match &exchanged {
            Ok(response) => Some(response.status())
                .filter(|status| !status.is_success())
                .map(|status| format!("the collector answered {status}")),
            Err(error) => Some(error.to_string()),
        };
        self.note(wrong.as_deref());
        Ok(exchanged?)
    }
}
