//! Headers of answers, described once for all operations.

use serde_json::{Map, Value, json};

/// All of them, for `components/headers`.
pub(super) fn all() -> Value {
    let text = |description: &str, example: &str| json!({"description": description, "schema": {"type": "string"}, "example": example});
    let always = |mut header: Value| {
        header["required"] = json!(true);
        header
    };
    json!({
        "X-Request-Id": always(text(
            "The caller's, or a new one: to find the request in the logs.",
            "01a2286d-e115-7405-a052-688333041f11",
        )),
        "Traceparent": always(text(
            "The trace of the request (W3C Trace Context): the caller's, or a new one. Its jobs belong to it, too.",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )),
        "WWW-Authenticate": always(text("How to bring a token.", "Bearer")),
        "RateLimit": text("How often the caller may still ask, and when all is restored.", "\"default\";r=199;t=1"),
        "RateLimit-Policy": text("How often the caller may ask, in which time (seconds).", "\"default\";q=200;w=10"),
        "Retry-After": {
            "description": "Ask again after so many seconds.",
            "schema": {"type": "integer", "minimum": 0},
            "example": 2,
        },
        "ETag": text("Tag of what was sent; to be sent back as `If-Match` or `If-None-Match`.", "\"0123456789abcdef\""),
        "Location": text("Where to go on: the run that follows.", "/v1/runs/01a2286d-e115-7405-a052-688333041f11"),
        "Link": text("The next page, as `<…>; rel=\"next\"`.", "</v1/runs?limit=50&cursor=AQAAAaIobeGt>; rel=\"next\""),
        "Set-Cookie": text("Binds the login to this browser.", "discord_oauth=…; HttpOnly; SameSite=Lax"),
        "Cache-Control": text("How long the answer may be kept.", "public, max-age=300"),
        "Content-Security-Policy": text("What the page may load: nothing of other hosts.", "default-src 'self'"),
        "Content-Disposition": text("The name of the file to save it as.", "attachment; filename=\"rolecall-export.json\""),
        "Preference-Applied": text("The preference that was followed.", "respond-async"),
    })
}

/// Points the headers of an answer to their descriptions. `errors` are the names that are not described.
pub(super) fn complete(headers: &mut Map<String, Value>, known: &Value, more: &[&str]) -> Vec<String> {
    for name in more {
        headers.entry((*name).to_owned()).or_insert(Value::Null);
    }
    let mut unknown = Vec::new();
    for (name, header) in headers.iter_mut() {
        if known.get(name).is_none() {
            unknown.push(name.clone());
        }
        *header = json!({"$ref": format!("#/components/headers/{name}")});
    }
    unknown
}
