//! What others are told of the process itself: metrics, and traces.

use std::net::SocketAddr;

use secrecy::{ExposeSecret, SecretString};

use super::reader::Reader;

/// The one protocol that traces are sent by.
const PROTOCOL: &str = "http/protobuf";
/// What OpenTelemetry adds to the general address for traces.
const TRACES_PATH: &str = "/v1/traces";

/// See the module.
#[derive(Debug, Clone)]
pub struct TelemetryConfig {
    /// Where `/metrics` is answered to everybody, besides the port of the API.
    pub metrics_addr: Option<SocketAddr>,
    /// Where traces go; `None`: nowhere.
    pub traces: Option<TracesConfig>,
}

/// Where traces go.
#[derive(Debug, Clone)]
pub struct TracesConfig {
    /// The whole address.
    pub endpoint: String,
    /// Headers of each request; values may be secrets.
    pub headers: Vec<(String, SecretString)>,
    /// Name of the service.
    pub service: String,
}

impl TelemetryConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let metrics_addr = reader.text("ROLECALL_METRICS_ADDR").and_then(|text| {
            let parsed = text.parse().ok();
            if parsed.is_none() {
                reader.problem(
                    "ROLECALL_METRICS_ADDR",
                    &format!(
                        "is {text:?}; use an address and a port, such as 127.0.0.1:9464 or 0.0.0.0:9464"
                    ),
                );
            }
            parsed
        });
        Self {
            metrics_addr,
            traces: traces(reader),
        }
    }

    pub(super) fn describe(&self) -> Vec<(&'static str, String)> {
        let metrics = self.metrics_addr.map(|addr| addr.to_string());
        let traces = self.traces.as_ref().map(|traces| traces.endpoint.clone());
        let or_not = |text: Option<String>| text.unwrap_or_else(|| "(not set)".to_owned());
        vec![
            ("ROLECALL_METRICS_ADDR", or_not(metrics)),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", or_not(traces)),
        ]
    }
}

fn traces(reader: &mut Reader<'_>) -> Option<TracesConfig> {
    let general = reader.text("OTEL_EXPORTER_OTLP_ENDPOINT");
    let whole = reader.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    let headers = headers(reader);
    let service = reader.text("OTEL_SERVICE_NAME");
    let disabled = reader.one_of("OTEL_SDK_DISABLED", &[("false", false), ("true", true)]);
    let protocol = reader.text("OTEL_EXPORTER_OTLP_PROTOCOL");
    let sampler = reader.text("OTEL_TRACES_SAMPLER");
    check_sampler(sampler, reader);
    let (variable, endpoint) = match (whole, general) {
        (Some(whole), _) => ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", whole),
        (None, Some(general)) => (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("{}{TRACES_PATH}", general.trim_end_matches('/')),
        ),
        (None, None) => return None,
    };
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        reader.problem(
            variable,
            "is no address: it has to begin with http:// or https://",
        );
    } else if endpoint.contains('@') {
        reader.problem(
            variable,
            "holds a user name or password; give the collector's key in OTEL_EXPORTER_OTLP_HEADERS",
        );
    }
    if protocol.is_some_and(|protocol| protocol != PROTOCOL) {
        reader.problem(
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "is not http/protobuf, the one protocol that is spoken; a collector takes it on port 4318",
        );
    }
    (!disabled).then(|| TracesConfig {
        endpoint,
        headers,
        service: service.unwrap_or_else(|| "rolecall".to_owned()),
    })
}

/// `name=value,name=value`. A value is percent-encoded where it has to be, as W3C Baggage says.
fn headers(reader: &mut Reader<'_>) -> Vec<(String, SecretString)> {
    let Some(text) = reader.secret("OTEL_EXPORTER_OTLP_HEADERS") else {
        return Vec::new();
    };
    let pairs = text
        .expose_secret()
        .split(',')
        .filter(|pair| !pair.trim().is_empty());
    let parsed: Option<Vec<_>> = pairs.map(header).collect();
    parsed.unwrap_or_else(|| {
        // The value may hold a key, so it is not shown.
        reader.problem(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "is no list of headers; write name=value, separated by commas",
        );
        Vec::new()
    })
}

fn header(pair: &str) -> Option<(String, SecretString)> {
    let (name, value) = pair.split_once('=')?;
    let name = name.trim().to_lowercase();
    let value = percent_encoding::percent_decode_str(value.trim())
        .decode_utf8()
        .ok()?;
    let is_name = axum::http::HeaderName::from_bytes(name.as_bytes()).is_ok();
    let is_value = axum::http::HeaderValue::from_str(&value).is_ok();
    (is_name && is_value).then(|| (name, value.into_owned().into()))
}

/// OpenTelemetry would fall back to sending everything, and say so where nobody looks.
fn check_sampler(sampler: Option<String>, reader: &mut Reader<'_>) {
    const KNOWN: [&str; 6] = [
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ];
    let argument = reader.text("OTEL_TRACES_SAMPLER_ARG");
    let Some(sampler) = sampler else { return };
    if !KNOWN.contains(&sampler.as_str()) {
        reader.problem(
            "OTEL_TRACES_SAMPLER",
            &format!("is {sampler:?}; use one of {}", KNOWN.join(", ")),
        );
    }
    let share = argument.and_then(|text| text.parse::<f64>().ok());
    if sampler.ends_with("traceidratio") && !share.is_some_and(|share| (0.0..=1.0).contains(&share)) {
        reader.problem(
            "OTEL_TRACES_SAMPLER_ARG",
            "has to be the share of traces that are sent, from 0 to 1, such as 0.1",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Problem;
    use crate::config::reader::read_vars;

    fn read(vars: &[(&str, &str)]) -> Result<TelemetryConfig, Vec<Problem>> {
        read_vars(vars, TelemetryConfig::read)
    }

    #[test]
    fn nothing_is_told_to_anybody_unless_it_is_set() {
        let config = read(&[]).unwrap();
        assert!(config.metrics_addr.is_none() && config.traces.is_none());
        let disabled = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"),
            ("OTEL_SDK_DISABLED", "true"),
        ];
        assert!(read(&disabled).unwrap().traces.is_none());
    }

    #[test]
    fn the_general_address_gets_the_path_of_traces_and_the_whole_one_comes_first() {
        let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318/");
        let whole = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector/in");
        let endpoint = |vars: &[_]| read(vars).unwrap().traces.unwrap().endpoint;
        assert_eq!(endpoint(&[general]), "http://localhost:4318/v1/traces");
        assert_eq!(endpoint(&[general, whole]), "https://collector/in");
    }

    #[test]
    fn headers_are_read_and_their_values_are_never_shown() {
        let vars = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "X-Key = s3cr%3Dt , b=2"),
        ];
        let config = read(&vars).unwrap();
        let traces = config.traces.clone().unwrap();
        let headers: Vec<(&str, &str)> = traces
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose_secret()))
            .collect();
        assert_eq!(headers, [("x-key", "s3cr=t"), ("b", "2")]);
        let shown = format!("{config:?} {:?}", config.describe());
        assert!(!shown.contains("s3cr"), "{shown}");
    }

    #[test]
    fn what_cannot_work_is_told_with_what_to_do() {
        for (name, value, word) in [
            ("ROLECALL_METRICS_ADDR", "9464", "127.0.0.1:9464"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "http://"),
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "http://me:pw@x",
                "OTEL_EXPORTER_OTLP_HEADERS",
            ),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret", "name=value"),
            ("OTEL_TRACES_SAMPLER", "some", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER", "traceidratio", "0.1"),
        ] {
            let mut vars = vec![(name, value)];
            if name == "OTEL_EXPORTER_OTLP_PROTOCOL" {
                vars.push(("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x"));
            }
            let problems = read(&vars).unwrap_err();
            let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert!(text[0].contains(word), "{text:?}");
            assert!(
                !text[0].contains("s3cret") && !text[0].contains("pw@"),
                "{text:?}"
            );
        }
    }
}
