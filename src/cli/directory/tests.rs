use std::time::{Duration, Instant};

use rolecall_core::ports::ImportRow;
use rolecall_core::{DiscordId, UserId};

use super::file::{Kind, Parsed, parse};

fn csv(text: &str) -> Parsed {
    parse(text.as_bytes(), Kind::Csv)
}

fn json(text: &str) -> Parsed {
    parse(text.as_bytes(), Kind::Json)
}

fn problems(parsed: &Parsed) -> Vec<String> {
    parsed
        .problems
        .iter()
        .map(|p| format!("{}: {}", p.line, p.sentence))
        .collect()
}

fn row(user: &str, name: &str, groups: &[&str], account: u64) -> ImportRow {
    ImportRow {
        user_id: UserId::from(user),
        name: name.to_owned(),
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
        discord_id: DiscordId::new(account),
    }
}

#[test]
fn columns_come_in_any_order_with_quotes_crlf_a_mark_and_blank_lines() {
    let parsed = csv("\u{feff}Groups, discord_id ,NAME,user_id\r\n\
                      \r\n\
                      \"pilots; directors;;pilots\",123,\"Lovelace, \"\"Ada\"\"\",u1\r\n\
                      ,,,\r\n\
                      ,,Bob,u2\r\n");
    assert_eq!(problems(&parsed), [""; 0]);
    assert_eq!(
        parsed.rows,
        [
            row("u1", "Lovelace, \"Ada\"", &["pilots", "directors"], 123),
            row("u2", "Bob", &[], 0)
        ]
    );
    assert_eq!(parsed.lines, [3, 5]);
}

#[test]
fn every_wrong_row_is_told_with_its_line() {
    let parsed = csv("user_id,groups,discord_id\n\
                      u1,a,1\n\
                      ,a,\n\
                      u1,b,\n\
                      u2,a,1.23457E+17\n\
                      u3,a,1\n\
                      u4,a\n\
                      u5,a,x\n");
    let problems = problems(&parsed);
    let expected = [
        "3: the user_id is missing",
        "4: user u1 is already in line 2",
        "5: the discord_id \"1.23457E+17\" was rounded",
        "6: the discord_id 1 is already in line 2",
        "7: the row has 2 fields",
        "8: the discord_id \"x\" is not a number",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(expected) {
        assert!(problem.starts_with(start), "{problem}");
    }
}

#[test]
fn a_row_that_is_not_utf_8_is_told_and_the_next_one_is_read() {
    let parsed = parse(b"user_id,groups\r\nu\xe41,a\r\nu2,b\r\n", Kind::Csv);
    assert_eq!(
        problems(&parsed),
        ["2: the row is not UTF-8; save the file as UTF-8"]
    );
    assert_eq!(parsed.lines, [3]);
    let parsed = parse(b"[\n{\"user_id\": \"\xe4\"}]", Kind::Json);
    assert!(problems(&parsed)[0].starts_with("2: "));
    assert!(problems(&parse(b"\xff\xfeu\0", Kind::Csv))[0].contains("UTF-16"));
}

#[test]
fn a_missing_quote_swallows_no_row() {
    let parsed = csv("user_id,groups\nu1,\"pilots\nu2,directors\nu3,pilots\n");
    assert!(problems(&parsed)[0].contains("is a quote missing?"), "{parsed:?}");
}

#[test]
fn a_quoted_line_break_does_not_shift_the_lines_after_it() {
    let parsed = csv("user_id,name,groups,note\r\nu1,x,a,\"two\r\nlines\"\r\n\r\n,y,a,\r\n");
    assert_eq!(problems(&parsed), ["5: the user_id is missing"]);
    assert_eq!(parsed.warnings, ["the column \"note\" is not known, and ignored"]);
}

#[test]
fn a_first_line_that_cannot_be_used_is_told() {
    for (text, sentence) in [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("user_id;name;groups\nu1;x;a\n", "columns are separated by commas"),
        ("user_id,name\nu1,x\n", "no column groups"),
        ("user_id,groups,groups\nu1,a,b\n", "is there twice"),
    ] {
        let parsed = csv(text);
        assert!(
            problems(&parsed).iter().any(|p| p.contains(sentence)),
            "{text:?}: {parsed:?}"
        );
        assert!(parsed.rows.is_empty());
    }
}

#[test]
fn json_is_a_list_or_an_object_with_users_and_ids_may_be_numbers() {
    let expected = [
        row("17", "Ada", &["pilots", "3"], 123_456_789_012_345_678),
        row("u2", "", &["a", "b"], 0),
    ];
    let list = r#"[{"user_id": 17, "name": "Ada", "groups": ["pilots", 3], "discord_id": 123456789012345678},
                   {"user_id": "u2", "groups": "a; b;", "discord_id": null}]"#;
    let parsed = json(list);
    assert_eq!(problems(&parsed), [""; 0]);
    assert_eq!(parsed.rows, expected);
    assert_eq!(parsed.lines, [1, 2]);
    let wrapped = json(&format!("\u{feff}{{\"made\": [1, {{}}], \"users\": {list}}}\n"));
    assert_eq!((problems(&wrapped), wrapped.rows), (vec![], expected.to_vec()));
}

#[test]
fn wrong_json_is_told_with_its_line() {
    for (text, problem) in [
        ("[\n{\"user_id\": \"u1\"}\n]", "2: the groups are missing"),
        (
            "[\n{\"user_id\": 1.5, \"groups\": []},\n7\n]",
            "3: a user has to be an object",
        ),
        (
            "[\n{\"user_id\": 1.5, \"groups\": []},\n7\n]",
            "2: the user_id is neither",
        ),
        ("[\n{\"user_id\": \"u1\",\n\"groups\": [}\n]", "3: no valid JSON"),
        (
            "[\n{\"user_id\": \"u1\", \"groups\": []},\n]",
            "3: no valid JSON: a comma before the end",
        ),
        ("[\n{\"user_id\": \"u1\", \"groups\": []}\n", "3: no valid JSON"),
        ("[] []", "1: there is something after the end"),
        ("{\"people\": []}", "1: the object has no field \"users\""),
        ("{\"users\": {}}", "1: \"users\" has to be one list"),
        ("", "1: the file holds neither"),
        ("\"users\"", "1: the file holds neither"),
    ] {
        let found = problems(&json(text));
        assert!(
            found.iter().any(|p| p.starts_with(problem)),
            "{text:?}: {found:#?}"
        );
    }
}

#[test]
fn a_hundred_thousand_rows_are_quick() {
    let mut csv = String::from("user_id,name,groups,discord_id\r\n");
    let mut json = String::from("[\n");
    for i in 0..100_000u64 {
        let account = 100_000_000_000_000_000 + i;
        csv.push_str(&format!("user-{i},Name {i},pilots;directors,{account}\r\n"));
        let comma = if i == 0 { "" } else { ",\n" };
        json.push_str(&format!(
            "{comma}{{\"user_id\": \"user-{i}\", \"groups\": [\"pilots\"], \"discord_id\": \"{account}\"}}"
        ));
    }
    json.push_str("\n]\n");
    for (text, kind) in [(csv, Kind::Csv), (json, Kind::Json)] {
        let start = Instant::now();
        let parsed = parse(text.as_bytes(), kind);
        assert_eq!((parsed.rows.len(), parsed.problems.len()), (100_000, 0));
        assert_eq!(parsed.lines.last(), Some(&100_001));
        // Far more than it takes in a debug build; a quadratic step would take minutes.
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    }
}

/// Whatever the bytes are, parsing ends, and every row and every problem has a line of the file.
#[test]
fn any_bytes_are_read_to_an_end() {
    let alphabet = b"u1,;\"\n\r {}[]:\xff\xc3\xa4groups user_id discord_id\\e0";
    let mut dice = fastrand::Rng::with_seed(7);
    for _ in 0..4_000 {
        let length = dice.usize(..120);
        let mut bytes: Vec<u8> = (0..length)
            .map(|_| alphabet[dice.usize(..alphabet.len())])
            .collect();
        if dice.bool() {
            bytes.splice(0..0, *b"user_id,groups\n");
        }
        let lines = 1 + bytes.iter().filter(|b| **b == b'\n').count() as u64;
        for kind in [Kind::Csv, Kind::Json] {
            let parsed = parse(&bytes, kind);
            assert_eq!(parsed.rows.len(), parsed.lines.len());
            let told = parsed
                .problems
                .iter()
                .map(|p| p.line)
                .chain(parsed.lines.iter().copied());
            for line in told {
                assert!((1..=lines).contains(&line), "line {line} of {lines}: {bytes:?}");
            }
        }
    }
}

/// What is written by the rules is read back equal, whatever the names are, and the lines are those of the rows.
#[test]
fn what_is_written_is_read_back_equal() {
    let mut dice = fastrand::Rng::with_seed(11);
    for _ in 0..300 {
        let rows: Vec<ImportRow> = (0..dice.usize(1..20)).map(|i| some_row(&mut dice, i)).collect();
        let newline = if dice.bool() { "\r\n" } else { "\n" };
        let (text, lines) = as_csv(&rows, newline, &mut dice);
        let parsed = csv(&text);
        assert_eq!(problems(&parsed), [""; 0], "{text}");
        assert_eq!((parsed.rows, parsed.lines), (rows.clone(), lines), "{text}");
        let objects: Vec<_> = rows
            .iter()
            .map(|r| {
                serde_json::json!({
                    "user_id": r.user_id, "name": r.name, "groups": r.groups, "discord_id": r.discord_id,
                })
            })
            .collect();
        let text = serde_json::to_string_pretty(&objects).unwrap();
        assert_eq!(json(&text).rows, rows, "{text}");
    }
}

fn some_row(dice: &mut fastrand::Rng, i: usize) -> ImportRow {
    let letters: Vec<char> = "aZ9 ,\"'äß🚀=-".chars().collect();
    let mut word = |longest: usize| {
        let text: String = (0..dice.usize(..longest))
            .map(|_| letters[dice.usize(..letters.len())])
            .collect();
        text.trim().to_owned()
    };
    let name = word(12);
    let mut groups: Vec<String> = (0..4).map(|_| word(6)).filter(|g| !g.is_empty()).collect();
    groups.sort();
    groups.dedup();
    let account = dice.bool().then(|| 1_000 + i as u64);
    ImportRow {
        user_id: UserId(format!("u{i},\"x")),
        name,
        groups,
        discord_id: account.and_then(DiscordId::new),
    }
}

fn as_csv(rows: &[ImportRow], newline: &str, dice: &mut fastrand::Rng) -> (String, Vec<u64>) {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut text = format!("discord_id,user_id,groups,name{newline}");
    let mut line = 2;
    let mut lines = Vec::new();
    for row in rows {
        for _ in 0..dice.usize(..3) {
            text.push_str(newline);
            line += 1;
        }
        let account = row.discord_id.map(|a| a.to_string()).unwrap_or_default();
        let fields = [
            quoted(&row.user_id.0),
            quoted(&row.groups.join(";")),
            quoted(&row.name),
        ];
        text.push_str(&format!("{account},{}{newline}", fields.join(",")));
        lines.push(line);
        line += 1;
    }
    (text, lines)
}

#[test]
fn fuzz_imported_files() {
    for (target, kind) in [("directory_csv", Kind::Csv), ("directory_json", Kind::Json)] {
        rolecall_fuzz::fuzz(target, |bytes| {
            let parsed = parse(bytes, kind);
            assert_eq!(parsed.rows.len(), parsed.lines.len());
        });
    }
}

#[test]
fn a_column_of_ids_that_a_spreadsheet_has_rounded_is_refused_line_by_line() {
    let parsed = csv("user_id,groups,discord_id\n\
                      u1,a,123456789012345000\n\
                      u2,a,223456789012346000\n\
                      u3,a,\n\
                      u4,a,1023456789012340000\n");
    let told = problems(&parsed);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].starts_with("2: the discord_id 123456789012345000") && told[0].contains("rounded"),
        "{told:?}"
    );
    let one = csv("user_id,groups,discord_id\nu1,a,123456789012345000\n");
    assert_eq!(problems(&one), [""; 0]);
    assert!(
        one.warnings[0].contains("line 2") && one.warnings[0].contains("rounded"),
        "{:?}",
        one.warnings
    );
    let whole = csv("user_id,groups,discord_id\nu1,a,123456789012345678\n");
    assert_eq!(whole.warnings, [""; 0]);
}

#[test]
fn a_group_with_a_comma_is_told_because_semicolons_separate_groups() {
    let parsed = csv("user_id,groups\nu1,\"pilots,scouts\"\nu2,\"pilots,scouts\"\nu3,pilots;scouts\n");
    assert_eq!(problems(&parsed), [""; 0]);
    assert_eq!(parsed.warnings.len(), 1, "{:?}", parsed.warnings);
    assert!(parsed.warnings[0].contains("semicolons"), "{:?}", parsed.warnings);
}
