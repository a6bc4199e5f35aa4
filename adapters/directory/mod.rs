//! Directories: who is this user, and which groups hold.

mod choose;
mod go_falcon;

pub use choose::{Chosen, Setting};
pub use go_falcon::GoFalcon;
