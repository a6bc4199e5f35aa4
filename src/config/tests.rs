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

#[cfg(unix)]
fn from_bytes(pairs: &[(&str, &[u8])]) -> Result<Config, Vec<Problem>> {
    use std::os::unix::ffi::OsStringExt;
    let own = |bytes: &[u8]| std::ffi::OsString::from_vec(bytes.to_vec());
    let vars = pairs.iter().map(|(k, v)| (own(k.as_bytes()), own(v)));
    Config::from_environment(vars, &|_| Err(std::io::Error::other("none")))
}

#[test]
fn a_value_that_is_no_utf_8_is_a_mistake_and_never_as_if_it_were_not_set() {
    let bad: &[u8] = b"mongodb://user:p\xff@host";
    let problems = from_bytes(&[("MONGODB_URI", bad), ("PORT", b"http")]).unwrap_err();
    let told: Vec<&str> = problems.iter().map(|p| p.variable.as_str()).collect();
    assert_eq!(told, ["MONGODB_URI", "PORT"], "{problems:?}");
    assert!(problems[0].sentence.contains("UTF-8"), "{problems:?}");
    assert!(!format!("{problems:?}").contains("user:p"), "{problems:?}");
    assert!(from_bytes(&[("JWT_SECRET_FILE", b"/run/\xff")]).is_err());
    // What is not ours may be as it likes.
    assert!(from_bytes(&[("LESS_TERMCAP_mb", b"\xff"), ("PORT", b"81")]).is_ok());
}

fn oddities(pairs: &[(&str, &str)]) -> Vec<String> {
    load(pairs).unwrap().oddities
}

#[test]
fn a_name_that_is_nearly_a_setting_is_told_with_the_setting_that_was_meant() {
    for (name, meant) in [
        ("MONGO_URI", "MONGO_URL"),
        ("REDIS_URI", "REDIS_URL"),
        ("mongodb_uri", "MONGODB_URI"),
        ("redis_url", "REDIS_URL"),
        ("jwt_secret_file", "JWT_SECRET_FILE"),
        ("JWT_SECRET_FIEL", "JWT_SECRET_FILE"),
        ("ROLECALL_WORKER_SLOT", "ROLECALL_WORKER_SLOTS"),
        ("Rolecall_Read_Only", "ROLECALL_READ_ONLY"),
        ("ROLECALL_MAX_REMOVEL_SHARE", "ROLECALL_MAX_REMOVAL_SHARE"),
    ] {
        let told = oddities(&[(name, "x")]);
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        assert!(
            told[0].contains(name) && told[0].contains(&format!("{meant} was meant")),
            "{told:?}"
        );
    }
}

#[test]
fn what_others_call_their_variables_is_not_odd() {
    let others = [
        ("host", "x"),
        ("Port", "1"),
        ("HOSTS", "x"),
        ("HOME", "/home/ada"),
        ("ROLECALL_SERVICE_HOST", "10.0.0.1"),
        ("ROLECALL_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("REDIS_PORT", "tcp://10.0.0.1:6379"),
        ("REDISCLOUD_URL", "redis://x"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("JWT_SECRET_FILE", "/run/secrets/jwt"),
    ];
    assert_eq!(oddities(&others), [""; 0]);
    // Where the right one is set as well, nothing is missing.
    for right in ["MONGO_URL", "MONGODB_URI"] {
        let both = [(right, "mongodb://h"), ("MONGO_URI", "mongodb://h"), SECRET];
        assert_eq!(oddities(&both), [""; 0]);
    }
}

#[test]
fn a_value_in_quotation_marks_is_told_without_the_value() {
    let quoted = "\"0123456789abcdef0123456789abcdef\"";
    let told = oddities(&[("JWT_SECRET", quoted)]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("JWT_SECRET") && told[0].contains("quotation marks"),
        "{told:?}"
    );
    assert!(!told[0].contains("0123"), "{told:?}");
    assert_eq!(oddities(&[("ROLECALL_ADMIN_GROUPS", "'admins'")]).len(), 1);
    assert_eq!(oddities(&[SECRET]), [""; 0]);
}

#[test]
fn an_interval_that_the_clock_does_not_keep_is_told() {
    let told = |interval: &str| {
        load(&[("DISCORD_SYNC_INTERVAL", interval), SECRET])
            .unwrap()
            .oddities
    };
    for (asked, kept) in [
        ("45m", "every 30 min"),
        ("25h", "every 1440 min"),
        ("90s", "every 1 min"),
    ] {
        let told = told(asked);
        assert!(told.len() == 1 && told[0].contains(kept), "{told:?}");
    }
    for kept in ["1m", "15m", "30m", "1h", "6h", "24h"] {
        assert_eq!(told(kept), [""; 0]);
    }
}

#[test]
fn a_secret_is_read_from_a_file_that_begins_with_a_byte_order_mark() {
    let vars = [("JWT_SECRET_FILE".to_owned(), "/run/secrets/jwt".to_owned())].into();
    let file = format!("\u{feff}{}\r\n", SECRET.1);
    let config = Config::load(&vars, &|_| Ok(file.clone())).unwrap();
    assert_eq!(config.jwt_secret.unwrap().expose_secret(), SECRET.1);
}

#[test]
fn an_address_of_ipv6_may_be_in_brackets() {
    for (written, host) in [("[::]", "::"), ("::1", "::1"), ("0.0.0.0", "0.0.0.0")] {
        assert_eq!(load(&[("HOST", written)]).unwrap().host, host);
    }
}
