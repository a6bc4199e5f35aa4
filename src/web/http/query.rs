//! Query parameters. An empty value is the same as none.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;

use super::fields::one_line;
use super::problem::{ApiError, Detail};
use crate::page_size;

/// The parameters of a query that were not read yet.
pub(crate) struct Params {
    rest: Vec<(String, String)>,
    errors: Vec<Detail>,
}

impl Params {
    pub(crate) fn of(uri: &Uri) -> Self {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri).map_or_else(|_| Vec::new(), |q| q.0);
        Self {
            rest: pairs,
            errors: Vec::new(),
        }
    }

    /// The first of these names that has a value.
    pub(crate) fn text(&mut self, names: &[&str]) -> Option<String> {
        let mut found = None;
        self.rest.retain(|(name, value)| {
            let asked = names.contains(&name.as_str());
            if asked && found.is_none() && !value.trim().is_empty() {
                found = Some(value.trim().to_owned());
            }
            !asked
        });
        found
    }

    /// Notes that something is wrong with a parameter.
    pub(crate) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(Detail::at(format!("query.{name}"), message));
    }

    /// A text of at most so many characters, without control characters.
    pub(crate) fn line(&mut self, name: &str, most: usize) -> Option<String> {
        let text = self.text(&[name])?;
        if let Err(expected) = one_line(&text, most) {
            self.wrong(name, expected);
            return None;
        }
        Some(text)
    }

    /// Something that is written as text, such as an id.
    pub(crate) fn parsed<T: FromStr>(&mut self, names: &[&str], expected: &str) -> Option<T> {
        let text = self.text(names)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.wrong(names[0], format!("expected {expected}"));
        }
        value
    }

    /// `limit`.
    pub(crate) fn limit(&mut self, default: usize, most: usize) -> usize {
        let Some(text) = self.text(&["limit"]) else {
            return default;
        };
        match text.parse::<i64>() {
            Err(_) => self.wrong("limit", "invalid integer"),
            Ok(n) if n < 1 => self.wrong("limit", "expected number >= 1"),
            Ok(n) => match usize::try_from(n) {
                Ok(n) if n <= most => return n,
                _ => self.wrong("limit", format!("expected number <= {most}")),
            },
        }
        default
    }

    /// `limit` of a list of rolecall's own.
    pub(crate) fn page_size(&mut self) -> usize {
        self.limit(page_size::DEFAULT.into(), page_size::MOST.into())
    }

    /// Ends the reading of a query whose unknown parameters are ignored, as go-falcon ignores them.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(self.errors))
        }
    }

    /// Ends the reading: a parameter that is not known is an error, because a mistyped filter would list everything.
    pub(crate) fn finish_strictly(mut self) -> Result<(), ApiError> {
        let unknown: Vec<String> = self
            .rest
            .iter()
            .map(|(name, _)| name.chars().take(64).collect())
            .collect();
        for name in unknown {
            self.wrong(&name, "unknown query parameter");
        }
        self.finish()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self::of(&parts.uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(query: &str) -> Result<usize, ApiError> {
        let mut params = Params::of(&format!("/x?{query}").parse().unwrap());
        let limit = params.limit(10, 50);
        params.finish().map(|()| limit)
    }

    #[test]
    fn an_empty_limit_is_the_default_and_a_bad_one_is_refused() {
        for (query, expected) in [
            ("", 10),
            ("limit=", 10),
            ("limit=1", 1),
            ("limit=50", 50),
            ("page=3", 10),
        ] {
            assert_eq!(limit(query).unwrap(), expected, "{query}");
        }
        for bad in [
            "limit=0",
            "limit=51",
            "limit=ten",
            "limit=-1",
            "limit=99999999999999999999",
        ] {
            assert_eq!(limit(bad).unwrap_err().status().as_u16(), 422, "{bad}");
        }
    }

    #[test]
    fn a_mistyped_filter_is_refused_where_it_would_list_everything() {
        let params = || Params::of(&"/x?stat=available".parse().unwrap());
        assert!(params().finish().is_ok());
        assert!(params().finish_strictly().is_err());
    }
}
