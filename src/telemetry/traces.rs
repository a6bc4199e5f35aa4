//! Traces: every request and every attempt of a job has a span, and the attempt's is in the trace of the request that
//! caused it. They are sent by OTLP where a collector is configured, and cost next to nothing elsewhere.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::StatusCode;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Status, TraceContextExt, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use rolecall_adapters::discord::SPANS;
use rolecall_adapters::otlp::OtlpClient;
use rolecall_core::error::JobError;
use secrecy::ExposeSecret;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use crate::config::TracesConfig;

/// Where the trace stands among headers, in W3C Trace Context.
const HEADER: &str = "traceparent";
/// How long the collector may take for one batch.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// What is left when the process stops is sent within this time, or dropped.
const LAST_FLUSH: Duration = Duration::from_secs(2);

/// Spans on their way to the collector.
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Begins to send spans, from a thread of its own. A collector that is away is waited for by nobody.
    ///
    /// # Errors
    /// A sentence, if nothing can be sent with these settings.
    pub fn start(config: &TracesConfig) -> Result<Self, String> {
        let headers: HashMap<String, String> = config
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(OtlpClient::new(&config.endpoint)?)
            .with_headers(headers)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&config.endpoint)
            .with_timeout(SEND_TIMEOUT)
            .build()
            .map_err(|e| format!("traces cannot be sent: {e}; check OTEL_EXPORTER_OTLP_ENDPOINT"))?;
        let resource = Resource::builder()
            .with_service_name(config.service.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(exporter)
            .build();
        Ok(Self { provider })
    }

    /// Takes our own spans from `tracing`. What libraries say is no part of a trace.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let ours = Targets::new()
            .with_target("rolecall", LevelFilter::INFO)
            .with_target(SPANS, LevelFilter::TRACE);
        tracing_opentelemetry::layer()
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_tracer(self.provider.tracer("rolecall"))
            .with_filter(ours)
    }

    /// Sends what is left, for two seconds at most.
    pub async fn stop(self) {
        let flush = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(LAST_FLUSH));
        if !matches!(tokio::time::timeout(LAST_FLUSH * 2, flush).await, Ok(Ok(Ok(())))) {
            tracing::warn!("The last traces could not be sent");
        }
    }
}

/// Puts a span that was not entered yet into the trace of a `traceparent`, as a child of its span.
pub fn follow(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([(HEADER.to_owned(), traceparent.to_owned())]);
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    // Fails where no traces are sent.
    let _ = span.set_parent(parent);
}

/// What stands for this span towards others; `None` where no traces are sent.
pub fn traceparent(span: &Span) -> Option<String> {
    let context = span.context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove(HEADER)
}

/// Notes the answer to a request.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.set_status(Status::error(status.to_string()));
    }
}

/// Notes how an attempt ended.
pub(super) fn attempt_ended(span: &Span, result: &str, error: Option<&JobError>) {
    span.set_attribute("job.result", result.to_owned());
    if let Some(error) = error {
        span.set_attribute("error.code", error.code.clone());
        span.set_attribute("error.class", error.class.as_str());
        // To have to wait is no failure.
        if result != "snooze" {
            span.set_status(Status::error(error.code.clone()));
        }
    }
}
