//! What every route shares: errors, bodies, queries, cursors, layers.

pub(crate) mod body;
pub(crate) mod cors;
pub(crate) mod cursor;
pub(crate) mod etag;
pub(crate) mod fields;
pub(crate) mod layers;
pub(crate) mod limit;
mod once;
pub(crate) mod page;
pub(crate) mod problem;
pub(crate) mod query;
pub(crate) mod read_only;
pub(crate) mod refused;
pub(crate) mod repeats;
pub(crate) mod trace;
