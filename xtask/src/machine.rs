//! Makes the machine ready: finds what tasks need, installs it where we may, else says what to
//! type.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::repo::{Repo, in_path, run, works};
use crate::say::say;

const NODE_MAJOR: u32 = 20;

/// Something outside the repository that a task cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A C compiler and make: SQLite, the allocator and the crypto provider are built from C, and
    /// the allocator's own build calls make.
    Compiler,
    /// Node and npm, for the web packages and the demo site.
    Node,
    /// PostgreSQL's server programs.
    Postgres,
    /// A NATS server, which joins several nodes.
    Nats,
    /// Python with its venv module, for other systems' published clients.
    Python,
    /// A browser.
    Chromium,
    /// Chinese, Japanese and Korean letters and emoji, for screenshots.
    Fonts,
    /// The test runner.
    Nextest,
}

impl Need {
    /// Debian's packages for it; none when they are not the way to get it.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Compiler => &["gcc", "libc6-dev", "make"],
            Self::Postgres => &["postgresql"],
            Self::Nats => &["nats-server"],
            Self::Python => &["python3", "python3-venv"],
            Self::Chromium => &["chromium"],
            Self::Fonts => &["fonts-noto-cjk", "fonts-noto-color-emoji"],
            Self::Node | Self::Nextest => &[],
        }
    }

    fn is_there(self) -> bool {
        match self {
            Self::Compiler => {
                let compiles = ["cc", "gcc", "clang"].iter().any(|name| in_path(name).is_some());
                compiles && in_path("make").is_some()
            }
            Self::Postgres => postgres().is_some() && in_path("psql").is_some(),
            Self::Nats => nats(),
            Self::Python => python(),
            Self::Chromium => chromium().is_some(),
            Self::Fonts => FONTS.iter().all(|file| Path::new(file).is_file()),
            Self::Node => node().is_ok(),
            Self::Nextest => in_path("cargo-nextest").is_some(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Compiler => "a C compiler and make",
            Self::Node => "Node",
            Self::Postgres => "PostgreSQL's server (15 or newer)",
            Self::Nats => "nats-server",
            Self::Python => "Python 3 with its venv module",
            Self::Chromium => "Chromium",
            Self::Fonts => "the Noto CJK and emoji fonts",
            Self::Nextest => "cargo-nextest",
        }
    }
}

const FONTS: &[&str] = &[
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
];

/// What there is after everything that could be installed was.
#[derive(Debug, Clone, Default)]
pub struct Ready {
    /// The browser that tests drive.
    pub chromium: Option<PathBuf>,
    /// Whether tests run by nextest; by `cargo test` otherwise.
    pub nextest: bool,
}

/// Sees to it that `needs` are there, installing what is missing when we are root on Debian.
///
/// Chromium, fonts and nextest are done without when they cannot be had.
///
/// # Errors
/// When something else is missing, with the one line to type.
pub fn prepare(repo: &Repo, needs: &[Need]) -> Result<Ready, String> {
    if needs.contains(&Need::Node) {
        node()?;
    }
    let missing = |needs: &[Need]| -> Vec<Need> {
        let from_packages = |need: &&Need| !need.packages().is_empty() && !need.is_there();
        needs.iter().filter(from_packages).copied().collect()
    };
    let lacking = missing(needs);
    if !lacking.is_empty() {
        let apt = in_path("apt-get").is_some();
        if !(apt && is_root()) {
            return Err(what_to_type(&lacking, apt));
        }
        if let Err(reason) = install(&lacking) {
            say(&reason);
        }
        let still: Vec<Need> = missing(needs)
            .into_iter()
            .filter(|need| !matches!(need, Need::Chromium | Need::Fonts))
            .collect();
        if !still.is_empty() {
            return Err(what_to_type(&still, apt));
        }
    }
    Ok(Ready { chromium: chromium(), nextest: needs.contains(&Need::Nextest) && nextest(repo) })
}

/// Finds Node and npm.
///
/// # Errors
/// When one is missing or too old, in a sentence.
pub fn node() -> Result<(), String> {
    let get = format!(
        "Node {NODE_MAJOR} or newer with npm builds the web packages and runs the demo site: \
         get it from https://nodejs.org or your package manager"
    );
    let output = Command::new("node").arg("--version").output();
    let Ok(output) = output else {
        return Err(format!("`node` is not in PATH. {get}"));
    };
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if major(&version).is_none_or(|major| major < NODE_MAJOR) {
        return Err(format!("`node` is {version}, too old. {get}"));
    }
    if !works(Command::new("npm").arg("--version")) {
        return Err(format!("`npm` is not in PATH. {get}"));
    }
    Ok(())
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn postgres() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut files = debian.map(|version| version.path().join("bin/initdb"));
    in_path("initdb").or_else(|| files.find(|file| file.is_file()))
}

/// Debian puts it where not everybody's PATH leads.
fn nats() -> bool {
    in_path("nats-server").is_some() || Path::new("/usr/sbin/nats-server").is_file()
}

/// Debian ships the modules that make an environment in a package of their own.
fn python() -> bool {
    let asks = ["-c", "import venv, ensurepip"];
    let done = std::process::Command::new("python3").args(asks).output();
    done.is_ok_and(|output| output.status.success())
}

fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
    names.iter().find_map(|name| in_path(name))
}

/// What the programs that we started and that have ended computed by now; nothing where there is
/// no /proc.
#[must_use]
pub fn computed() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // Behind the name: the state, then ten fields, our own two, and those of children.
    let ticks: u64 = fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    // A hundred a second, on every Linux there is.
    Duration::from_millis(ticks * 10)
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn install(needs: &[Need]) -> Result<(), String> {
    let packages: Vec<_> = needs.iter().flat_map(|need| need.packages()).collect();
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    run(apt().arg("update"))?;
    run(apt().args(["install", "-y", "--no-install-recommends"]).args(packages))
}

fn what_to_type(needs: &[Need], apt: bool) -> String {
    let names: Vec<_> = needs.iter().map(|need| need.name()).collect();
    let names = names.join(", ");
    if !apt {
        return format!("This machine lacks {names}: install it with your package manager.");
    }
    let packages: Vec<_> = needs.iter().flat_map(|need| need.packages()).copied().collect();
    let packages = packages.join(" ");
    format!(
        "This machine lacks {names}. Type this line, then the same command again:\n\n  \
         sudo apt-get update && sudo apt-get install -y --no-install-recommends {packages}\n"
    )
}

/// Where the tests' database keeps its files: in memory where there is room for them. The disk of
/// a small machine may stand still for longer than a transaction may take, above all after a
/// build; that was tested then, and not we.
pub fn database_folder() -> PathBuf {
    const ROOM: u64 = 4 << 30;
    let memory = Path::new("/dev/shm");
    let df = Command::new("df").args(["--output=avail", "--block-size=1"]).arg(memory).output();
    let said = df.map(|df| String::from_utf8_lossy(&df.stdout).into_owned()).unwrap_or_default();
    let free = said.lines().last().and_then(|line| line.trim().parse::<u64>().ok());
    if free.is_some_and(|free| free >= ROOM) { memory.to_owned() } else { std::env::temp_dir() }
}

fn nextest(repo: &Repo) -> bool {
    if Need::Nextest.is_there() {
        return true;
    }
    let installed = run(repo.cargo().args(["install", "cargo-nextest", "--locked"]));
    if let Err(reason) = installed {
        say(&format!("{reason}; the Rust tests run by `cargo test` instead"));
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{Need, computed, major, what_to_type};

    #[test]
    fn the_line_to_type_installs_everything_that_is_missing() {
        let text = what_to_type(&[Need::Postgres, Need::Fonts], true);
        let line = text.lines().find(|line| line.starts_with("  sudo ")).unwrap();
        assert!(line.ends_with("postgresql fonts-noto-cjk fonts-noto-color-emoji"), "{line}");
        assert!(!what_to_type(&[Need::Chromium], false).contains("apt-get"));
    }

    #[test]
    fn versions_of_node_are_compared() {
        assert_eq!(major("v20.19.1"), Some(20));
        assert_eq!(major("garbage"), None);
    }

    #[test]
    fn what_ended_programs_computed_is_counted() {
        let before = computed();
        let counts = ["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done"];
        let done = std::process::Command::new("sh").args(counts).status();
        assert!(done.is_ok_and(|status| status.success()));
        assert!(computed() > before);
    }
}
