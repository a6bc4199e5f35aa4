//! The names of this machine and of this process.

use uuid::Uuid;

/// The machine, the container or the dyno, as the platform names it.
pub(crate) fn host() -> String {
    let named = ["DYNO", "HOSTNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    let kernels = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    named
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(kernels)
}

/// Name of this process, new with every start.
pub(super) fn instance() -> String {
    let host: String = host()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let random = Uuid::new_v4().simple().to_string();
    format!("{host}-{}-{}", std::process::id(), &random[..8])
}
