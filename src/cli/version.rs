//! What `--version` prints.

use std::sync::LazyLock;

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let commit = option_env!("ROLECALL_COMMIT")
        .filter(|c| !c.is_empty())
        .unwrap_or("unknown");
    format!("{} ({commit})", env!("CARGO_PKG_VERSION"))
});

/// The version and the commit it was built from, such as `0.1.0 (21980dc)`.
pub fn version() -> &'static str {
    VERSION.as_str()
}
