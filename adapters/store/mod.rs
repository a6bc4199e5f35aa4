//! Where everything is kept: one `SQLite` file, or `MongoDB`. Both pass the same suite (`tests/store`).

pub mod mongo;
#[cfg(test)]
mod shapes;
pub mod sqlite;
