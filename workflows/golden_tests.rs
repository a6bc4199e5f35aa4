//! Payloads as they lie in stores: each version of each kind, in a file of `golden/`. Never change one: add another.
//!
//! `KIND.vN.json` is what a binary of version N writes with every field set; `KIND.vN.WHAT.json` is another shape of that
//! version (from before a field was there, for example). In a file: the payload, what it means (its keys, and what it is
//! about), and how this binary would write it, where that is not the same.

use std::collections::BTreeMap;
use std::path::Path;

use rolecall_core::job::Subject;
use rolecall_jobs::kernel::registry::Reading;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    payload: Value,
    written: Option<Value>,
    unique_key: Option<String>,
    concurrency_key: Option<String>,
    subject: Subject,
}

/// All, by their names (`add_role.v1`).
fn goldens() -> BTreeMap<String, Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path());
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        let golden = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), golden)
    };
    files.map(|path| read(&path)).collect()
}

#[test]
fn every_stored_payload_still_means_what_it_meant() {
    let registry = crate::registry();
    for (name, golden) in goldens() {
        let kind = name.split('.').next().unwrap();
        let kind = registry
            .get(kind)
            .unwrap_or_else(|| panic!("{name}: jobs of this kind may still be stored; who reads them?"));
        let read = kind
            .read(&golden.payload)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let meant = Reading {
            written: golden.written.unwrap_or(golden.payload),
            unique_key: golden.unique_key,
            concurrency_key: golden.concurrency_key,
            subject: golden.subject,
        };
        assert_eq!(read, meant, "{name}");
    }
}

#[test]
fn every_kind_has_a_golden_payload_of_each_version_that_it_reads() {
    let (registry, goldens) = (crate::registry(), goldens());
    for name in registry.names() {
        let newest = registry.get(name).unwrap().version;
        for version in 1..=newest {
            let file = format!("{name}.v{version}");
            let golden = goldens.get(&file).unwrap_or_else(|| {
                panic!("write golden/{file}.json: a payload of {name} as version {version} stores it")
            });
            assert!(
                version < newest || golden.written.is_none(),
                "{file}: what this binary writes has changed; the kind needs a new version, or the field a default"
            );
        }
        let known = |file: &str| file[name.len() + 2..].split('.').next().unwrap().parse();
        for file in goldens.keys().filter(|f| f.starts_with(&format!("{name}.v"))) {
            assert!(known(file).is_ok_and(|version: u16| version <= newest), "{file}");
        }
    }
}

#[test]
fn a_field_of_a_newer_binary_is_passed_over_and_garbage_is_an_error() {
    let registry = crate::registry();
    for (name, golden) in goldens() {
        let kind = registry.get(name.split('.').next().unwrap()).unwrap();
        let mut newer = golden.payload.clone();
        newer["a_field_of_a_newer_binary"] = json!({ "x": [1] });
        assert_eq!(kind.read(&newer), kind.read(&golden.payload), "{name}");
        for garbage in [json!(7), json!("text"), json!(null)] {
            assert!(kind.read(&garbage).is_err(), "{name} reads {garbage}");
        }
    }
}
