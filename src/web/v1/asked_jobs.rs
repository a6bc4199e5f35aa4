//! Which jobs a request is about: `q`, and parameters that say the same word by word.

use rolecall_core::Timestamp;
use rolecall_core::ports::JobFilter;
use rolecall_core::query::{self, Query};
use rolecall_jobs::kernel::find::{self, Unfound};

use crate::job_view::page::list_name;
use crate::web::http::problem::{ApiError, Detail};
use crate::web::http::query::Params;
use crate::web::state::Web;

/// Words of the query syntax, each with the parameters that stand for it. The first name is the one that is written.
const NAMES: [(&str, &[&str]); 15] = [
    ("state", &["state", "states"]),
    ("kind", &["kind"]),
    ("queue", &["queue", "lane"]),
    ("guild", &["guild", "guild_id"]),
    ("user", &["user", "user_id"]),
    ("account", &["discord_id", "account"]),
    ("role", &["role", "role_id"]),
    ("run", &["run", "run_id"]),
    ("parent", &["parent", "parent_id"]),
    ("webhook", &["webhook", "webhook_id"]),
    ("fingerprint", &["fingerprint"]),
    ("code", &["code", "error_code"]),
    ("since", &["since"]),
    ("until", &["until"]),
    ("text", &["text"]),
];

/// What was asked.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// All of it together.
    pub(crate) query: Query,
    /// As it was sent, for the link to the next page.
    pub(crate) pairs: Vec<(&'static str, String)>,
    /// Names the list that a cursor belongs to. The same at any time, although `since=2h` means another time then.
    pub(crate) list: String,
}

/// Reads it. What is wrong is left in `params`.
pub(crate) fn read(params: &mut Params, now: Timestamp) -> Asked {
    let (mut words, mut pairs, mut fine) = (Vec::new(), Vec::new(), true);
    for (word, names) in NAMES {
        let Some(value) = params.text(names) else { continue };
        let written = query::word(word, &value);
        if let Err(wrong) = query::parse(&written, now) {
            params.wrong(names[0], wrong.join("; "));
            fine = false;
        }
        words.push(written);
        pairs.push((names[0], value));
    }
    if let Some(q) = params.text(&["q"]) {
        // Last, because a quote that nobody closed holds all that follows.
        words.push(q.clone());
        pairs.push(("q", q));
    }
    if !fine {
        return Asked::default();
    }
    let text = words.join(" ");
    match (query::parse(&text, now), query::name(&text)) {
        (Ok(query), Ok(fixed)) => {
            if query.job.is_some() && (query.filter != Query::default().filter || query.snowflake.is_some()) {
                params.wrong("q", "a job's id stands for one job; leave the other words out");
            }
            let list = list_name(&fixed);
            Asked { query, pairs, list }
        }
        (Err(wrong), _) | (_, Err(wrong)) => {
            for sentence in wrong {
                params.wrong("q", sentence);
            }
            Asked::default()
        }
    }
}

/// The filter of what was asked for.
pub(crate) async fn filter(web: &Web, query: Query) -> Result<JobFilter, ApiError> {
    let filter = find::filter(&web.services, query).await;
    filter.map_err(|error| unfound(error, "query.q"))
}

/// How it is answered that a query at this place finds nothing.
pub(crate) fn unfound(error: Unfound, place: &str) -> ApiError {
    match error {
        Unfound::Wrong(wrong) => ApiError::invalid(vec![Detail::at(place, wrong)]),
        Unfound::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::job::JobState;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn parse_at(query: &str, now: Timestamp) -> Result<Asked, ApiError> {
        let mut params = Params::of(&format!("/v1/jobs?{query}").parse().unwrap());
        let asked = read(&mut params, now);
        params.finish_strictly().map(|()| asked)
    }

    fn parse(query: &str) -> Result<JobFilter, ApiError> {
        parse_at(query, NOW).map(|asked| asked.query.filter)
    }

    #[test]
    fn a_filter_is_read_and_written_alike() {
        let run = "019a2c8e-5b1d-7c3a-9f00-0123456789ab";
        let query = format!(
            "run={run}&state=discarded,%20running,running&guild=5&discord_id=7&user=a&kind=add_role&text=is%20above"
        );
        let asked = parse_at(&query, NOW).unwrap();
        let filter = asked.query.filter;
        assert_eq!(filter.states, [JobState::Running, JobState::Discarded]);
        assert_eq!(filter.text.as_deref(), Some("is above"));
        let again: Vec<String> = asked
            .pairs
            .iter()
            .map(|(n, v)| format!("{n}={}", v.replace(' ', "%20")))
            .collect();
        assert_eq!(parse(&again.join("&")).unwrap(), filter);
        assert_eq!(parse("state=&kind=&run=&q=").unwrap(), JobFilter::default());
    }

    #[test]
    fn a_query_and_parameters_say_the_same_and_add_up() {
        let by_words = parse("q=guild:5%20code:50013%20above").unwrap();
        assert_eq!(by_words, parse("guild=5&code=50013&text=above").unwrap());
        assert_eq!(by_words, parse("guild=5&q=code:50013%20above").unwrap());
        let problem = parse("guild=5&q=guild:6").unwrap_err().problem();
        assert_eq!(problem.errors[0].location.as_deref(), Some("query.q"));
        let job = "019a2c8e-5b1d-7c3a-9f00-0123456789ab";
        assert!(parse(&format!("q={job}")).is_ok() && parse(&format!("q={job}&guild=5")).is_err());
    }

    #[test]
    fn a_list_keeps_its_name_while_time_goes_by() {
        let list = |query: &str, now| parse_at(query, now).unwrap().list;
        let later = NOW + std::time::Duration::from_secs(60);
        assert_eq!(list("since=2h", NOW), list("q=since:2h", later));
        assert_ne!(list("since=2h", NOW), list("since=3h", NOW));
        assert_eq!(
            list("state=running,discarded", NOW),
            list("state=discarded,running", NOW)
        );
        let pasted = ["q=141234567890123456", "q=141234567890123457"];
        assert_ne!(list(pasted[0], NOW), list(pasted[1], NOW));
    }

    #[test]
    fn a_wrong_filter_is_refused_with_its_place() {
        for (query, place) in [
            ("state=done", "query.state"),
            ("guild=x", "query.guild"),
            ("discord_id=0", "query.discord_id"),
            ("run=7", "query.run"),
            ("since=soon", "query.since"),
            ("q=colour:red", "query.q"),
            ("stat=running", "query.stat"),
        ] {
            let problem = parse(query).unwrap_err().problem();
            assert_eq!(problem.errors[0].location.as_deref(), Some(place), "{query}");
        }
    }
}
