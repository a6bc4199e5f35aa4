//! SQLite: the suite, and what only a file can show.

mod altered;
mod fixture;
mod open;
mod survive;
mod upgrade;

pub(crate) use fixture::Sqlite;

crate::every_store!(crate::sqlite::Sqlite);
crate::importing_store!(crate::sqlite::Sqlite);
