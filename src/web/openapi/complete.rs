//! Completes the document: what the handlers do not say of themselves, because it is the same for many of them.
//!
//! Nothing is made up for an operation that the tables do not know: it is a gap, and a test fails.

use serde_json::{Map, Value, json};

use super::operations::{self, Entry};
use super::problems::{self, Known};
use super::{headers, parameters, properties};

/// Example bodies: `operationId` → `request`, `responses` → status.
const EXAMPLES: &str = include_str!("examples.json");

/// Completes it. What is missing is told in sentences.
pub(super) fn complete(document: &mut Value) -> Vec<String> {
    let mut gaps = Vec::new();
    let known = headers::all();
    let examples: Value = serde_json::from_str(EXAMPLES).unwrap_or_else(|error| {
        gaps.push(format!("examples.json is no JSON: {error}"));
        Value::Null
    });
    for (path, method, operation) in operations_of(document) {
        let id = text(operation, "operationId").to_owned();
        let Some(entry) = operations::entry(&id) else {
            gaps.push(format!(
                "{method} {path}: the operation {id:?} has no entry in src/web/openapi/operations.rs; add a line with \
                 the errors that it answers"
            ));
            continue;
        };
        let mut completer = Completer {
            id: &id,
            known: &known,
            examples: &examples[&id],
            gaps: Vec::new(),
        };
        if operation["security"] == json!([{}]) {
            operation["security"] = json!([]);
        }
        words(operation, entry.who);
        completer.parameters(operation);
        completer.request(operation);
        completer.errors(operation, entry);
        completer.responses(operation, entry);
        gaps.extend(completer.gaps.into_iter().map(|gap| format!("{id}: {gap}")));
    }
    if let Some(components) = document.get_mut("components") {
        object(components, "schemas").for_each(|(name, schema)| describe(name, schema));
    }
    document["components"]["headers"] = known;
    document["components"]["examples"] = problems::KNOWN
        .iter()
        .map(|known| (known.code.to_owned(), known.example()))
        .collect();
    gaps
}

/// Path, method and object of every operation.
pub(super) fn operations_of(document: &mut Value) -> impl Iterator<Item = (String, String, &mut Value)> {
    object(document, "paths").flat_map(|(path, item)| {
        let methods = item.as_object_mut().into_iter().flatten();
        methods.map(|(method, operation)| (path.clone(), method.to_uppercase(), operation))
    })
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A summary of one sentence, what follows it, and who may ask.
fn words(operation: &mut Value, who: &str) {
    // The macro takes the first paragraph for the summary, lines as they are broken in the source.
    let paragraph = text(operation, "summary").replace('\n', " ");
    let (summary, rest) = paragraph.split_once(". ").unwrap_or((&paragraph, ""));
    let paragraphs = [rest, text(operation, "description"), who];
    let description: Vec<&str> = paragraphs.into_iter().filter(|p| !p.is_empty()).collect();
    let (summary, description) = (
        json!(summary.trim_end_matches('.')),
        json!(description.join("\n\n")),
    );
    operation["summary"] = summary;
    operation["description"] = description;
}

/// One operation.
struct Completer<'a> {
    id: &'a str,
    known: &'a Value,
    examples: &'a Value,
    gaps: Vec<String>,
}

impl Completer<'_> {
    fn parameters(&mut self, operation: &mut Value) {
        for parameter in array(operation, "parameters") {
            let (place, name) = (
                text(parameter, "in").to_owned(),
                text(parameter, "name").to_owned(),
            );
            match parameters::described(&place, &name, self.id) {
                Some((schema, example)) => {
                    parameter["schema"] = schema;
                    parameter["example"] = example;
                    if place == "query" {
                        parameter["allowEmptyValue"] = json!(true);
                    }
                }
                None => self.gaps.push(format!(
                    "the {place} parameter {name} is not in src/web/openapi/parameters.rs"
                )),
            }
        }
    }

    fn request(&mut self, operation: &mut Value) {
        let Some(body) = operation.pointer_mut("/requestBody/content/application~1json") else {
            return;
        };
        let required = properties::required(self.id);
        if !required.is_empty() {
            body["schema"] = json!({"allOf": [body["schema"], {"type": "object", "required": required}]});
        }
        match self.examples.get("request") {
            Some(example) => body["examples"] = named(example),
            None => self
                .gaps
                .push("examples.json has no example of its request".to_owned()),
        }
    }

    /// Puts an answer of each status that one of the operation's errors has.
    fn errors(&mut self, operation: &mut Value, entry: &Entry) {
        let mut all: Vec<&Known> = Vec::new();
        for code in entry.errors() {
            match problems::known(code) {
                Some(known) => all.push(known),
                None => self
                    .gaps
                    .push(format!("the error {code} is not in src/web/openapi/problems.rs")),
            }
        }
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
            return;
        };
        for (status, response) in responses.iter() {
            let is_problem = response.pointer("/content/application~1problem+json").is_some();
            if is_problem && !all.iter().any(|known| known.status.to_string() == *status) {
                self.gaps.push(format!(
                    "its handler declares {status}, but none of its errors in src/web/openapi/operations.rs has it"
                ));
            }
        }
        for known in &all {
            let status = known.status.to_string();
            let examples: Map<String, Value> = all
                .iter()
                .filter(|other| other.status == known.status)
                .map(|other| (other.code.to_owned(), reference("examples", other.code)))
                .collect();
            let response = responses
                .entry(status)
                .or_insert_with(|| json!({"description": meaning(known.status)}));
            response["content"] = json!({"application/problem+json": {
                "schema": reference("schemas", "Problem"),
                "examples": examples,
            }});
            if known.status == 401 {
                response["headers"]["WWW-Authenticate"] = Value::Null;
            }
            if known.is_passing() {
                response["headers"]["Retry-After"] = Value::Null;
            }
        }
    }

    /// Headers of all answers, and examples of those that are no errors.
    fn responses(&mut self, operation: &mut Value, entry: &Entry) {
        let counted = entry.errors().contains(&"rate_limited");
        let more: &[&str] = if counted {
            &["X-Request-Id", "Traceparent", "RateLimit", "RateLimit-Policy"]
        } else {
            &["X-Request-Id", "Traceparent"]
        };
        for (status, response) in object(operation, "responses") {
            let mut all = response["headers"].as_object().cloned().unwrap_or_default();
            for name in headers::complete(&mut all, self.known, more) {
                self.gaps
                    .push(format!("the header {name} is not in src/web/openapi/headers.rs"));
            }
            response["headers"] = Value::Object(all);
            if let Some(body) = response.pointer_mut("/content/application~1json") {
                match self.examples.pointer(&format!("/responses/{status}")) {
                    Some(example) => body["examples"] = named(example),
                    None => self
                        .gaps
                        .push(format!("examples.json has no example of its answer {status}")),
                }
            }
        }
    }
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

fn named(example: &Value) -> Value {
    json!({"example": {"summary": "An example", "value": example}})
}

/// What an error status means where the handler does not say.
fn meaning(status: u16) -> &'static str {
    match status {
        400 => "What was sent cannot be read",
        401 => "No valid token",
        403 => "The caller may not do this",
        404 => "There is none",
        409 => "It contradicts what is stored",
        412 => "Somebody changed it meanwhile (`If-Match`)",
        413 => "The body is larger than 1 MiB",
        415 => "The body is not application/json",
        422 => "Wrong values",
        429 => "Too many requests",
        500 => "Something went wrong inside rolecall",
        501 => "Not possible yet",
        502 => "Discord refused",
        503 => "The store or Discord did not answer, or something is not configured",
        504 => "It took too long",
        _ => "Refused",
    }
}

/// Completes a schema and those inside of it.
fn describe(name: &str, schema: &mut Value) {
    if properties::BODIES.contains(&name) {
        schema["additionalProperties"] = json!(false);
    }
    array(schema, "allOf").for_each(|part| describe(name, part));
    for (property, inner) in object(schema, "properties") {
        if let (Some(more), Some(inner)) = (properties::more(name, property), inner.as_object_mut()) {
            inner.extend(more.as_object().cloned().unwrap_or_default());
        }
        // The macro puts the words of an optional object beside its reference.
        let beside = inner.pointer("/oneOf/0/description").cloned();
        let words = beside.or_else(|| properties::meaning(property).map(Value::from));
        if let (None, Some(words)) = (inner.get("description"), words) {
            inner["description"] = words;
        }
    }
}

/// The entries of a list inside, if there is one. (Indexing for a change would leave a null where there is none.)
fn array<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    value
        .get_mut(name)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

/// The same of an object inside.
fn object<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = (&'a String, &'a mut Value)> {
    value
        .get_mut(name)
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
}
