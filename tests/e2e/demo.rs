//! `rolecall demo`, as the README has it.

use crate::support::process::Installation;

fn demo(args: &[&str]) -> serde_json::Value {
    let args: Vec<&str> = ["demo", "--exit", "--json", "--port", "0"]
        .iter()
        .chain(args)
        .copied()
        .collect();
    Installation::embedded().run(&args).ok().json()
}

#[test]
fn the_demo_ends_with_equal_roles_and_one_call_a_change() {
    let report = demo(&[
        "--members",
        "3000",
        "--linked",
        "600",
        "--changes",
        "60",
        "--speed",
        "60",
    ]);
    assert_eq!(report["equal"], true, "{report:#}");
    assert_eq!(
        (&report["lost_updates"], &report["unmanaged_touched"]),
        (&0.into(), &0.into())
    );
    let second = &report["runs"][1];
    assert_eq!(second["state"], "completed");
    // Four pages of members, one read of the guild, one write a change.
    assert!(second["calls"]["total"].as_u64().unwrap() <= 65, "{second:#}");
    for run in report["runs"].as_array().unwrap() {
        assert_eq!(run["rate_limited"], 0, "{run:#}");
        for field in ["kind", "seconds", "bound_seconds", "ratio", "jobs"] {
            assert!(!run[field].is_null(), "{field} in {run:#}");
        }
    }
    assert!(report["peak_rss_mb"].as_u64().is_some());
}

#[test]
fn odd_sizes_work_and_impossible_ones_are_refused() {
    let report = demo(&["--members", "1", "--linked", "0", "--changes", "0"]);
    assert_eq!(report["equal"], true);
    let report = demo(&[
        "--members",
        "30",
        "--linked",
        "30",
        "--changes",
        "30",
        "--guilds",
        "3",
        "--seed",
        "5",
    ]);
    assert_eq!(report["equal"], true);
    Installation::embedded()
        .run(&["demo", "--members", "5", "--linked", "6", "--exit"])
        .refused(2, &["--linked 6 is more than --members 5"]);
}
