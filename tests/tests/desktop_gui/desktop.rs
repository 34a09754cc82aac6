//! A screen that nobody sees, and the client on it.
//!
//! The client runs in namespaces of its own (`session.sh`): Qt 5 trusts `/etc/ssl/certs` and nothing
//! else, so there it is a folder with our authority alone; and all that it starts ends with it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::{Server, tools, webdriver};
use tempfile::TempDir;

use crate::wait;

/// How long a window or a page of the client's may take to appear.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a screen shows the same until it counts as settled; cursors blink every half second.
const CALM: Duration = Duration::from_millis(1500);

/// A running client on a screen of its own.
pub(crate) struct Desktop {
    home: TempDir,
    display: String,
    screen: Child,
    session: Child,
}

/// What is missing here to run one, if anything.
pub(crate) fn missing() -> Option<String> {
    let needed = [
        "nextcloud",
        "Xvfb",
        "openbox",
        "dbus-run-session",
        "gnome-keyring-daemon",
        "xdotool",
        "import",
        "openssl",
        "setpriv",
    ];
    let missing: Vec<_> = needed.into_iter().filter(|n| tools::find(n).is_none()).collect();
    if !missing.is_empty() {
        return Some(format!("{} is missing", missing.join(", ")));
    }
    let mut probe = namespaces();
    probe.args(["mount", "--bind", "/etc/ssl/certs", "/etc/ssl/certs"]);
    let possible = tools::run(&mut probe, LIMIT).is_ok_and(|finished| finished.success);
    webdriver::missing()
        .or_else(|| (!possible).then(|| "the right to a mount namespace is missing".to_owned()))
}

/// Runs what follows in namespaces of its own, and kills it when this test ends, however it ends.
fn namespaces() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork"]);
    command.args(["--kill-child", "--mount-proc"]);
    // Root needs no user namespace, and in some containers has no right to one.
    if std::fs::metadata("/proc/self").map(|own| own.uid()).is_ok_and(|uid| uid != 0) {
        command.arg("--map-root-user");
    }
    command
}

impl Desktop {
    /// Starts a screen and the client, which trusts the server's authority and knows no account.
    pub(crate) fn start(server: &Server) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("moonsail-desktop-").tempdir()?;
        let folder = |name: &str| -> Result<PathBuf> {
            let path = home.path().join(name);
            std::fs::create_dir(&path)?;
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700))?;
            Ok(path)
        };
        let (run, bin, certificates) = (folder("run")?, folder("bin")?, folder("certificates")?);
        std::fs::copy(server.ca(), certificates.join("moonsail.pem"))?;
        tools::require(Command::new("openssl").arg("rehash").arg(&certificates), LIMIT)?;
        // The client opens its user's browser; here it only writes down what it would show.
        let opener = bin.join("xdg-open");
        let opened = home.path().join("opened");
        let script = format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >>'{}'\n", opened.display());
        std::fs::write(&opener, script)?;
        std::fs::set_permissions(&opener, PermissionsExt::from_mode(0o755))?;

        let (mut screen, display) = start_screen()?;
        let path = std::env::var("PATH").unwrap_or_default();
        let session = namespaces()
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/desktop_gui/session.sh"))
            .arg(&certificates)
            .env_clear()
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", &run)
            .env("DISPLAY", &display)
            .env("LC_ALL", "C.UTF-8")
            .env("QT_QUICK_BACKEND", "software")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("QTWEBENGINE_DISABLE_SANDBOX", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(home.path().join("session.log"))?)
            .spawn();
        match session.context("starting the session") {
            Ok(session) => Ok(Self { home, display, screen, session }),
            Err(error) => {
                screen.kill()?;
                screen.wait()?;
                Err(error)
            }
        }
    }

    /// The folder that the client syncs, by its own choice.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home.path().join("Nextcloud")
    }

    /// Waits for a window and gives it the focus.
    pub(crate) fn wait_for_window(&self, title: &str) -> Result<()> {
        wait(title, LIMIT, || {
            let mut search = self.xdotool();
            search.args(["search", "--onlyvisible", "--name", title, "windowactivate", "--sync"]);
            Ok(tools::run(&mut search, LIMIT)?.success)
        })?;
        self.settle()
    }

    /// Presses a key and waits until the screen has changed and is calm again.
    pub(crate) fn press(&self, key: &str) -> Result<()> {
        let before = self.picture()?;
        tools::require(self.xdotool().args(["key", key]), LIMIT)?;
        wait("the screen changes", LIMIT, || Ok(self.picture()? != before))?;
        self.settle()
    }

    /// Types.
    pub(crate) fn type_text(&self, text: &str) -> Result<()> {
        tools::require(self.xdotool().args(["type", "--delay", "20", text]), LIMIT)?;
        self.settle()
    }

    /// Waits for a moment in which the screen shows what it showed a moment ago.
    pub(crate) fn settle(&self) -> Result<()> {
        let mut last = self.picture()?;
        wait("the screen becomes calm", LIMIT, || {
            std::thread::sleep(CALM);
            let before = std::mem::replace(&mut last, self.picture()?);
            // A count-down or a cursor may go on, but not a change of page.
            Ok(differing(&before, &last) < last.len() / 200)
        })
    }

    /// The page that the client wants to show in a browser.
    pub(crate) fn opened_page(&self) -> Result<String> {
        let file = self.home.path().join("opened");
        wait("the client opens a page", LIMIT, || Ok(file.is_file()))?;
        let pages = std::fs::read_to_string(file)?;
        pages.lines().next_back().map(str::to_owned).context("a page")
    }

    /// Keeps a picture of the screen in `target/screenshots`.
    pub(crate) fn screenshot(&self, name: &str) -> Result<()> {
        std::fs::create_dir_all(webdriver::screenshots())?;
        self.import(&webdriver::screenshots().join(format!("{name}.png")))
    }

    /// Keeps what explains a failure; gives the folder.
    pub(crate) fn keep(&self, server_log: &str) -> Result<PathBuf> {
        let place = webdriver::screenshots().join("../desktop-gui");
        std::fs::create_dir_all(&place)?;
        std::fs::write(place.join("server.log"), server_log)?;
        for log in ["client.log", "client.out", "session.log", "keyring.log"] {
            // Those that were not begun are not missed.
            let _ = std::fs::copy(self.home.path().join(log), place.join(log));
        }
        // A screen that has died has no picture.
        let _ = self.import(&place.join("screen.png"));
        Ok(place)
    }

    /// The pixels of the screen.
    fn picture(&self) -> Result<Vec<u8>> {
        let file = self.home.path().join("screen.ppm");
        self.import(&file)?;
        Ok(std::fs::read(file)?)
    }

    fn import(&self, file: &Path) -> Result<()> {
        let mut import = Command::new("import");
        import.args(["-window", "root"]).arg(file).env("DISPLAY", &self.display);
        tools::require(&mut import, LIMIT).map(drop)
    }

    fn xdotool(&self) -> Command {
        let mut command = Command::new("xdotool");
        command.env("DISPLAY", &self.display);
        command
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in [&mut self.session, &mut self.screen] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts a screen on a number that is free, and gives its name.
fn start_screen() -> Result<(Child, String)> {
    let mut screen = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "Xvfb", "-displayfd", "1"])
        .args(["-screen", "0", "1280x900x24", "-nolisten", "tcp"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("starting Xvfb")?;
    let mut number = String::new();
    BufReader::new(screen.stdout.take().context("stdout")?).read_line(&mut number)?;
    if number.trim().is_empty() {
        screen.wait()?;
        anyhow::bail!("Xvfb ended without a screen");
    }
    Ok((screen, format!(":{}", number.trim())))
}

/// How many bytes of two pictures differ.
fn differing(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).filter(|(a, b)| a != b).count() + one.len().abs_diff(other.len())
}
