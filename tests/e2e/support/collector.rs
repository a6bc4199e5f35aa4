//! A collector of traces: takes what is sent by OTLP over HTTP, and remembers it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;

/// What came.
#[derive(Default)]
struct Taken {
    spans: Vec<Span>,
    bytes: Vec<u8>,
    headers: Vec<HeaderMap>,
}

/// A span, as far as tests look at it. Ids are in hex; `parent` is empty at a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    taken: Arc<Mutex<Taken>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let taken: Arc<Mutex<Taken>> = Arc::default();
        let routes = Router::new()
            .route("/v1/traces", post(take))
            .with_state(Arc::clone(&taken));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { endpoint, taken }
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.taken.lock().unwrap().spans.clone()
    }

    /// Whether this text was somewhere in what came.
    pub(crate) fn heard(&self, text: &str) -> bool {
        let taken = self.taken.lock().unwrap();
        taken
            .bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    }

    /// The values of a header, of all that came.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        let values = taken.headers.iter().filter_map(|headers| headers.get(name));
        values.map(|value| value.to_str().unwrap().to_owned()).collect()
    }
}

async fn take(State(taken): State<Arc<Mutex<Taken>>>, headers: HeaderMap, body: Bytes) -> &'static [u8] {
    let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
    let resources = request.resource_spans.into_iter();
    let spans = resources.flat_map(|r| r.scope_spans).flat_map(|s| s.spans);
    let mut taken = taken.lock().unwrap();
    taken.spans.extend(spans.map(|span| {
        Span {
            name: span.name,
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            attributes: span
                .attributes
                .into_iter()
                .map(|pair| {
                    (
                        pair.key,
                        pair.value.and_then(|v| v.value).map_or_else(String::new, text),
                    )
                })
                .collect(),
        }
    }));
    taken.bytes.extend_from_slice(&body);
    taken.headers.push(headers);
    // An empty answer is the message that all was taken.
    &[]
}

fn text(value: Value) -> String {
    match value {
        Value::StringValue(text) => text,
        Value::IntValue(n) => n.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
