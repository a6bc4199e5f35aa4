use super::*;

fn load(pairs: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    let vars = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Config::load(&vars, &|_| {
        Ok("a secret from a file that is long enough".to_owned())
    })
}

fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
    load(pairs).unwrap_err().iter().map(ToString::to_string).collect()
}

const SECRET: (&str, &str) = ("JWT_SECRET", "0123456789abcdef0123456789abcdef");

#[test]
fn nothing_configured_is_embedded() {
    let config = load(&[("HOME", "/home/ada")]).unwrap();
    assert!(matches!(config.store, Store::Embedded));
    assert_eq!(config.data_dir, PathBuf::from("/home/ada/.local/share/rolecall"));
}

#[test]
fn redis_without_mongodb_is_refused_with_what_to_set() {
    let problems = problems(&[("REDIS_URL", "redis://localhost"), SECRET]);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("set MONGODB_URI"), "{problems:?}");
}

#[test]
fn mongodb_without_redis_is_one_process() {
    let config = load(&[("MONGODB_URI", "mongodb://localhost"), SECRET]).unwrap();
    assert!(
        matches!(config.store, Store::Distributed { redis: None, ref database, .. } if database == "falcon")
    );
}

#[test]
fn every_mistake_is_reported_at_once() {
    let problems = problems(&[
        ("PORT", "http"),
        ("DISCORD_SYNC_INTERVAL", "soon"),
        ("JWT_SECRET", "short"),
        ("ROLECALL_DIRECTORY", "ldap"),
        ("ROLECALL_MAX_REMOVAL_SHARE", "25"),
        ("DISCORD_CLIENT_ID", "1"),
    ]);
    assert_eq!(problems.len(), 6, "{problems:#?}");
}

#[test]
fn an_application_without_its_secret_or_its_id_is_refused() {
    for (name, value, missing) in [
        ("DISCORD_CLIENT_ID", "1", "DISCORD_CLIENT_SECRET"),
        ("DISCORD_CLIENT_SECRET", "s3cr3t", "DISCORD_CLIENT_ID"),
    ] {
        let problems = problems(&[(name, value)]);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with(missing) && !problems[0].contains("s3cr3t"),
            "{problems:?}"
        );
    }
}

#[test]
fn no_secret_is_shown() {
    let secret = "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t";
    let uri = "mongodb://user:s3cr3t@host";
    let config = load(&[
        ("JWT_SECRET", secret),
        ("MONGODB_URI", uri),
        ("REDIS_URL", "redis://:s3cr3t@h"),
    ])
    .unwrap();
    assert!(!format!("{config:?} {:?}", config.describe()).contains("s3cr3t"));
    let problems = problems(&[
        ("MONGODB_URI", "s3cr3t://x"),
        ("REDIS_URL", "s3cr3t"),
        ("JWT_SECRET", "s3cr3t"),
    ]);
    assert!(!format!("{problems:?}").contains("s3cr3t"));
}

#[test]
fn a_secret_can_come_from_a_file() {
    assert!(
        load(&[("JWT_SECRET_FILE", "/run/secrets/jwt")])
            .unwrap()
            .jwt_secret
            .is_some()
    );
}

#[test]
fn a_faster_clock_is_refused_for_discord_itself() {
    assert!(problems(&[("ROLECALL_SIMULATOR_SPEED", "60")])[0].contains("simulator"));
    let simulated = [
        ("ROLECALL_SIMULATOR_SPEED", "60"),
        ("DISCORD_API_BASE_URL", "http://127.0.0.1:4000/api/v10"),
    ];
    assert!(load(&simulated).is_ok());
}

#[test]
fn the_example_file_lists_exactly_what_is_read() {
    let file = include_str!("../../.env.example");
    assert_eq!(file, settings::env_example(), "write it anew with `make docs`");
}
