//! Notes the commit for `rolecall --version`.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/refs/heads");
    println!("cargo:rerun-if-env-changed=ROLECALL_COMMIT");
    let given = std::env::var("ROLECALL_COMMIT").ok().filter(|c| !c.is_empty());
    // A build from an archive has no git; then nothing is claimed.
    let commit = given.or_else(|| {
        let output = Command::new("git")
            .args(["rev-parse", "--short=12", "HEAD"])
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    });
    println!(
        "cargo:rustc-env=ROLECALL_COMMIT={}",
        commit.unwrap_or_else(|| "unknown".to_owned())
    );
}
