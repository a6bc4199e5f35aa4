//! The document is whole, valid, and says only what is true.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::{openapi, operations, problems, whole};

/// Path, method and object of every operation.
fn operations_of(document: &Value) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            out.push((format!("{method} {path}"), operation.clone()));
        }
    }
    out
}

/// Every media type of an operation's request and answers.
fn contents(operation: &Value) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    let bodies = operation["responses"].as_object().unwrap().iter();
    for (place, body) in bodies
        .map(|(k, v)| (k.as_str(), v))
        .chain([("request", &operation["requestBody"])])
    {
        for (kind, content) in body["content"].as_object().into_iter().flatten() {
            out.push((format!("{place} {kind}"), content.clone()));
        }
    }
    out
}

/// What a reference leads to.
fn followed<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => value,
    }
}

/// A validator of a schema of this document.
fn validator(document: &Value, schema: &Value) -> Validator {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": document["components"],
        "allOf": [schema],
    });
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap()
}

#[test]
fn nothing_is_missing_in_the_document() {
    let (_, gaps) = whole();
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
}

#[test]
fn every_operation_is_described_with_its_errors() {
    let document = openapi();
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|t| t["name"].as_str())
        .collect();
    let mut ids = BTreeSet::new();
    for (what, operation) in operations_of(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "{what}: {id} is there twice");
        assert!(
            !operation["summary"].as_str().unwrap_or_default().is_empty(),
            "{what}: no summary"
        );
        assert!(
            !operation["description"].as_str().unwrap_or_default().is_empty(),
            "{what}: no description"
        );
        let tag = operation["tags"][0].as_str().unwrap();
        assert!(
            tags.contains(tag),
            "{what}: the tag {tag} is not described in src/web/openapi/mod.rs"
        );
        let responses = operation["responses"].as_object().unwrap();
        let is_error = |status: &String| status.starts_with('4') || status.starts_with('5');
        let health = tag == "Health";
        assert!(health || responses.keys().any(is_error), "{what}: no error");
        assert!(
            health || responses.contains_key("429") || id == "getDiscordStatus",
            "{what}: whoever asks too often is told 429"
        );
        let secured = operation["security"].as_array().is_none_or(|all| !all.is_empty());
        let optional = operation["security"]
            .as_array()
            .is_some_and(|all| all.contains(&json!({})));
        assert!(
            !secured || optional || responses.contains_key("401"),
            "{what}: no 401"
        );
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{what}: {parameter}");
        }
    }
    assert_eq!(
        ids.len(),
        operations::ALL.len(),
        "an entry of operations.rs belongs to no operation"
    );
}

#[test]
fn every_example_is_what_its_schema_says() {
    let document = openapi();
    let mut known: BTreeMap<String, Validator> = BTreeMap::new();
    for (what, operation) in operations_of(&document) {
        for (place, content) in contents(&operation) {
            if !place.ends_with("json") || what == "get /openapi.json" {
                continue;
            }
            let examples = content["examples"].as_object();
            let examples = examples.unwrap_or_else(|| panic!("{what}: no example of {place}"));
            assert!(!examples.is_empty(), "{what}: no example of {place}");
            let validator = known
                .entry(content["schema"].to_string())
                .or_insert_with(|| validator(&document, &content["schema"]));
            for (name, example) in examples {
                let value = &followed(&document, example)["value"];
                let errors: Vec<String> = validator
                    .iter_errors(value)
                    .map(|e| format!("{}: {e}", e.instance_path()))
                    .collect();
                assert!(
                    errors.is_empty(),
                    "{what}: example {name} of {place}: {}",
                    errors.join("; ")
                );
            }
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (schema, example) = (&parameter["schema"], &parameter["example"]);
            let validator = known
                .entry(schema.to_string())
                .or_insert_with(|| validator(&document, schema));
            assert!(validator.is_valid(example), "{what}: {parameter}");
        }
    }
}

/// What go-falcon's callers know has its numbers; all other lists have the same.
#[test]
fn every_list_says_how_much_it_answers_and_all_of_rolecall_the_same() {
    let mut rules = BTreeMap::new();
    for (name, operation) in operations_of(&openapi()) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["name"] != "limit" {
                continue;
            }
            let (most, default) = (&parameter["schema"]["maximum"], &parameter["schema"]["default"]);
            let rule = format!("1 to {most}; default {default}");
            let told = parameter["description"].as_str().unwrap();
            assert!(told.ends_with(&rule), "{name}: {told}");
            let of_gofalcon = name.contains("/discord/");
            rules
                .entry(of_gofalcon)
                .or_insert_with(BTreeSet::new)
                .insert(rule);
        }
    }
    assert_eq!(rules[&false], ["1 to 200; default 50".to_owned()].into());
    let seed = ["1 to 100; default 20", "1 to 50; default 10"].map(str::to_owned);
    assert_eq!(rules[&true], seed.into());
}

#[test]
fn every_property_is_described() {
    let document = openapi();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let parts = schema["allOf"].as_array().into_iter().flatten().chain([schema]);
        for (property, inner) in parts.filter_map(|part| part["properties"].as_object()).flatten() {
            let described =
                followed(&document, inner)["description"].is_string() || inner["description"].is_string();
            assert!(
                described,
                "{name}.{property}: give its field a docstring, or its name one in properties.rs"
            );
        }
    }
}

#[test]
fn every_error_of_the_document_is_one_that_the_code_tells() {
    let mut source = String::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src/web", "core"] {
        gather(&root.join(folder), &mut source);
    }
    for known in problems::KNOWN {
        assert!(
            source.contains(&format!("\"{}\"", known.code)),
            "nothing says {}",
            known.code
        );
        let example = known.example();
        assert_eq!(example["value"]["status"], known.status);
        let used = operations::ALL
            .iter()
            .any(|entry| entry.errors().contains(&known.code));
        let used = used || operations::REPEATABLE.contains(&known.code);
        assert!(used, "no operation answers {}", known.code);
    }
}

/// All code but that of the document itself.
fn gather(folder: &std::path::Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("openapi") {
            gather(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

const ROUTES: &[&str] = &[
    "delete /discord/auth/unlink/{discord_id}",
    "delete /discord/guilds/{guild_id}",
    "delete /discord/role-mappings/{mapping_id}",
    "delete /v1/pauses/{pause_id}",
    "delete /v1/webhooks/{webhook_id}",
    "get /discord/auth/callback",
    "get /discord/auth/login",
    "get /discord/auth/status",
    "get /discord/guilds",
    "get /discord/guilds/{guild_id}",
    "get /discord/guilds/{guild_id}/members/{discord_id}",
    "get /discord/guilds/{guild_id}/role-mappings",
    "get /discord/guilds/{guild_id}/roles",
    "get /discord/role-mappings",
    "get /discord/role-mappings/{mapping_id}",
    "get /discord/status",
    "get /discord/sync/status",
    "get /discord/user/profile",
    "get /discord/users",
    "get /discord/users/{user_id}",
    "get /docs",
    "get /health",
    "get /livez",
    "get /metrics",
    "get /openapi.json",
    "get /readyz",
    "get /v1/audit",
    "get /v1/audit/export",
    "get /v1/audit/verify",
    "get /v1/bulk",
    "get /v1/bulk/{job_id}",
    "get /v1/dead-letters",
    "get /v1/discord/budget",
    "get /v1/jobs",
    "get /v1/jobs/{job_id}",
    "get /v1/me/export",
    "get /v1/pauses",
    "get /v1/queues",
    "get /v1/queues/{queue}",
    "get /v1/runs",
    "get /v1/runs/{run_id}",
    "get /v1/runs/{run_id}/events",
    "get /v1/schedules",
    "get /v1/webhooks",
    "get /v1/webhooks/{webhook_id}",
    "get /v1/webhooks/{webhook_id}/deliveries",
    "get /v1/workers",
    "patch /v1/webhooks/{webhook_id}",
    "post /discord/auth/link",
    "post /discord/guilds",
    "post /discord/guilds/{guild_id}/role-mappings",
    "post /discord/sync/manual",
    "post /discord/sync/user/{user_id}",
    "post /v1/bulk",
    "post /v1/dead-letters/check",
    "post /v1/dead-letters/mark",
    "post /v1/jobs/{job_id}/cancel",
    "post /v1/jobs/{job_id}/clone",
    "post /v1/jobs/{job_id}/discard",
    "post /v1/jobs/{job_id}/reschedule",
    "post /v1/jobs/{job_id}/retry",
    "post /v1/pauses",
    "post /v1/runs",
    "post /v1/runs/{run_id}/cancel",
    "post /v1/runs/{run_id}/retry",
    "post /v1/schedules/{name}/disable",
    "post /v1/schedules/{name}/enable",
    "post /v1/schedules/{name}/run",
    "post /v1/webhooks",
    "post /v1/webhooks/{webhook_id}/rotate",
    "post /v1/webhooks/{webhook_id}/test",
    "post /v1/workers/{worker_id}/drain",
    "post /v1/workers/{worker_id}/undrain",
    "put /discord/guilds/{guild_id}",
    "put /discord/role-mappings/{mapping_id}",
];

#[test]
fn the_document_lists_all_routes() {
    let json = openapi();
    let mut listed: Vec<String> = Vec::new();
    for (path, item) in json["paths"].as_object().unwrap() {
        listed.extend(
            item.as_object()
                .unwrap()
                .keys()
                .map(|method| format!("{method} {path}")),
        );
    }
    listed.sort();
    assert_eq!(listed, ROUTES);
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let json = openapi();
    let text = json.to_string();
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(json.pointer(pointer).is_some(), "{pointer}");
    }
    assert!(json["components"]["securitySchemes"]["cookieAuth"].is_object());
}
