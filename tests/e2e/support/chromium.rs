//! A real Chromium, so that the rules about cookies, sites and redirects are the real ones.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

use super::wait_for;

/// Besides the profile's folder. The names under `.test` are of this machine, and no other name is looked up.
const FLAGS: [&str; 15] = [
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--window-size=1000,1000",
    "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// What starts browsers. It and they are killed when the test ends, however it ends.
pub(crate) struct Chromium {
    driver: Child,
    url: String,
    folder: TempDir,
}

impl Chromium {
    pub(crate) async fn start() -> Self {
        // As for reqwest: see `http::client`.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let binary = std::env::var("TEST_CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("chromedriver.log");
        let file = std::fs::File::create(&log).unwrap();
        let driver = Command::new(&binary)
            .arg("--port=0")
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|e| panic!("{binary} cannot be started ({e}); `make test` installs it"));
        let mut chromium = Self {
            driver,
            url: String::new(),
            folder,
        };
        let port = wait_for("chromedriver to listen", Duration::from_secs(60), || async {
            let said = std::fs::read_to_string(&log).ok()?;
            let rest = said.split("started successfully on port ").nth(1)?;
            rest.split('.').next()?.parse::<u16>().ok()
        })
        .await;
        chromium.url = format!("http://127.0.0.1:{port}");
        chromium
    }

    /// A browser with a new profile of this name. End it with `quit`.
    pub(crate) async fn browser(&self, profile: &str) -> WebDriver {
        let mut wanted = DesiredCapabilities::chrome();
        // Otherwise chromedriver knows where it is.
        if let Ok(binary) = std::env::var("TEST_CHROMIUM") {
            wanted.set_binary(&binary).unwrap();
        }
        for flag in FLAGS {
            wanted.add_arg(flag).unwrap();
        }
        let folder = self.folder.path().join(profile);
        wanted
            .add_arg(&format!("--user-data-dir={}", folder.display()))
            .unwrap();
        WebDriver::builder(&self.url, wanted)
            .request_timeout(Duration::from_secs(90))
            .await
            .unwrap()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The driver first, so that it starts nothing more. Chromium's own helpers end with it.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        for pid in with_argument(&self.folder.path().display().to_string()) {
            let _ = Command::new("kill").args(["-KILL", &pid]).status();
        }
    }
}

/// Processes that name this folder in their arguments. None where there is no `/proc`.
fn with_argument(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&arguments).contains(folder)
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}
