//! The steps of `test`, in their order: what fails soonest and cheapest first, what another step
//! builds upon before it.

use std::fmt;
use std::process::Command;
use std::sync::OnceLock;

use snug_testkit::PgServer;

use crate::autobahn;
use crate::generate::derive;
use crate::machine::{self, Need, Ready};
use crate::repo::{Repo, run, works};
use crate::report::Outcome;
use crate::run::install_web;
use crate::say::say;
use crate::tidy;

/// One step.
pub struct Step {
    /// The name that `--only` takes.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    /// What the machine must have for it.
    pub needs: &'static [Need],
    /// Does it.
    pub run: fn(&Context) -> Outcome,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What the steps share.
#[derive(Debug)]
pub struct Context {
    repo: Repo,
    ready: Ready,
    postgres: OnceLock<PgServer>,
}

const RUST: &[Need] = &[Need::Compiler];
const WEB: &[Need] = &[Need::Node];

/// Every step there is.
pub const STEPS: &[Step] = &[
    Step { name: "fmt", about: "Rust is formatted", needs: &[], run: fmt },
    Step { name: "tidy", about: "house rules, bans and licences", needs: &[], run: tidy_step },
    Step { name: "web-install", about: "what the web packages need", needs: WEB, run: web_install },
    Step { name: "web-build", about: "the web packages", needs: WEB, run: |c| script(c, "build") },
    Step {
        name: "web-lint",
        about: "style of the web code",
        needs: WEB,
        run: |c| script(c, "lint"),
    },
    Step {
        name: "web-types",
        about: "types of the web code",
        needs: WEB,
        run: |c| script(c, "typecheck"),
    },
    Step { name: "web-unit", about: "tests of the web code", needs: WEB, run: web_unit },
    Step { name: "web-size", about: "the byte budgets", needs: WEB, run: |c| script(c, "size") },
    Step { name: "clippy", about: "lints", needs: RUST, run: clippy },
    Step { name: "doc", about: "documentation without a broken link", needs: RUST, run: doc },
    Step { name: "build", about: "the server and all tests", needs: RUST, run: build },
    Step { name: "gen", about: "derived files are not stale", needs: RUST, run: gen_step },
    Step {
        name: "rust",
        about: "all Rust tests, PostgreSQL included",
        needs: &[Need::Compiler, Need::Postgres, Need::Nats, Need::Python, Need::Nextest],
        run: rust,
    },
    Step { name: "doctest", about: "examples in the documentation", needs: RUST, run: doctest },
    Step {
        name: "autobahn",
        about: "Autobahn's suite against the WebSocket codec",
        needs: RUST,
        run: autobahn_step,
    },
    Step {
        name: "browser",
        about: "browsers against the real server",
        needs: &[Need::Node, Need::Postgres, Need::Chromium, Need::Fonts],
        run: browser,
    },
    Step { name: "deny", about: "advisories and sources of crates", needs: &[], run: deny },
];

impl Context {
    /// Nothing is started before a step asks for it.
    #[must_use]
    pub fn new(repo: Repo, ready: Ready) -> Self {
        Self { repo, ready, postgres: OnceLock::new() }
    }

    /// Tells tests what we started and built for all of them.
    fn equip<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let postgres = self.postgres.get_or_init(|| {
            let folder = machine::database_folder();
            say(&format!(
                "a PostgreSQL server for the whole run starts, its files in {}",
                folder.display()
            ));
            PgServer::start_in(&folder)
        });
        command.env("SNUG_TEST_PG_URL", postgres.url());
        command.env("SNUG_BIN", self.repo.built("debug", "snug"));
        // Forty lines of the runtime behind each failed test push out what the test said.
        command.env("RUST_BACKTRACE", "0");
        if let Some(chromium) = &self.ready.chromium {
            command.env("SNUG_CHROMIUM", chromium);
        }
        command
    }
}

fn outcome(result: Result<(), String>) -> Outcome {
    match result {
        Ok(()) => Outcome::Passed,
        Err(reason) => Outcome::Failed(reason),
    }
}

fn fmt(context: &Context) -> Outcome {
    let formatted = run(context.repo.cargo().args(["fmt", "--all", "--check"]));
    outcome(formatted.map_err(|e| format!("{e}: type `cargo fmt --all`")))
}

/// Every finding of `tidy` and every refused licence, as one text.
///
/// # Errors
/// When there is a finding.
pub fn tidy_all(repo: &Repo) -> Result<(), String> {
    let findings = tidy::check(&repo.root)?;
    let mut lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    if let Err(refused) = tidy::licences(&repo.root) {
        lines.push(refused);
    }
    if lines.is_empty() { Ok(()) } else { Err(lines.join("\n")) }
}

fn tidy_step(context: &Context) -> Outcome {
    outcome(tidy_all(&context.repo))
}

fn web_install(context: &Context) -> Outcome {
    outcome(install_web(&context.repo))
}

fn script(context: &Context, name: &str) -> Outcome {
    if !context.repo.has_script(name) {
        return Outcome::Skipped(format!("web/package.json has no script `{name}`"));
    }
    outcome(run(context.repo.npm().args(["run", name])))
}

fn web_unit(context: &Context) -> Outcome {
    if context.repo.has_script("test") {
        return script(context, "test");
    }
    outcome(run(context.repo.npm().args(["test", "--workspaces", "--if-present"])))
}

fn clippy(context: &Context) -> Outcome {
    let mut cargo = context.repo.cargo();
    cargo.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    outcome(run(&mut cargo))
}

fn doc(context: &Context) -> Outcome {
    let mut cargo = context.repo.cargo();
    outcome(run(cargo.args(["doc", "--workspace", "--no-deps", "--quiet"])))
}

fn build(context: &Context) -> Outcome {
    outcome(run(build_all(&mut context.repo.cargo())))
}

/// One call for all that is run, or cargo would choose other features for what is asked for alone.
pub(crate) fn build_all(cargo: &mut Command) -> &mut Command {
    cargo.args(["build", "--workspace", "--bins", "--tests", "--example", "echo"])
}

fn gen_step(context: &Context) -> Outcome {
    if !context.repo.built("debug", "snug").is_file() {
        return Outcome::Failed("the server is not built: run the step `build` first".to_owned());
    }
    outcome(derive(&context.repo, true))
}

fn rust(context: &Context) -> Outcome {
    let mut cargo = context.repo.cargo();
    if context.ready.nextest {
        cargo.args(["nextest", "run", "--workspace"]);
    } else {
        say("cargo-nextest is not there: `cargo test` runs the tests, without a bound on time");
        cargo.args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]);
    }
    outcome(run(context.equip(&mut cargo)))
}

fn doctest(context: &Context) -> Outcome {
    match has_doctests(&context.repo) {
        Err(reason) => Outcome::Failed(reason),
        Ok(false) => Outcome::Skipped("no documentation holds an example to run".to_owned()),
        Ok(true) => outcome(run(context.repo.cargo().args(["test", "--workspace", "--doc"]))),
    }
}

fn autobahn_step(context: &Context) -> Outcome {
    match autobahn::python() {
        Some(python) => outcome(autobahn::short(&context.repo, &python)),
        None => Outcome::Skipped("Autobahn's suite needs Python 2.7, which is not here".to_owned()),
    }
}

fn has_doctests(repo: &Repo) -> Result<bool, String> {
    Ok(tidy::Tree::load(&repo.root)?.rust_texts().any(holds_example))
}

/// Whether a code block that rustdoc would run stands in the documentation of a file.
fn holds_example(text: &str) -> bool {
    let mut inside = false;
    for line in text.lines() {
        let line = line.trim_start();
        let Some(line) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            inside = false;
            continue;
        };
        let Some(language) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        if !inside && matches!(language.trim(), "" | "rust" | "no_run" | "should_panic") {
            return true;
        }
        inside = !inside;
    }
    false
}

fn browser(context: &Context) -> Outcome {
    if !context.repo.has_script("test:browser") {
        return Outcome::Skipped("web/package.json has no script `test:browser`".to_owned());
    }
    if context.ready.chromium.is_none() {
        return Outcome::Skipped("Chromium cannot be installed on this machine".to_owned());
    }
    if !context.repo.built("debug", "snug").is_file() {
        return Outcome::Failed("the server is not built: run the step `build` first".to_owned());
    }
    let mut npm = context.repo.npm();
    outcome(run(context.equip(npm.args(["run", "test:browser"]))))
}

fn deny(context: &Context) -> Outcome {
    if !works(context.repo.cargo().args(["deny", "--version"])) {
        let reason = "cargo-deny is not installed (`cargo install cargo-deny --locked`); \
                      `tidy` held the bans and the licences, the advisories were not looked at";
        return Outcome::Skipped(reason.to_owned());
    }
    outcome(run(context.repo.cargo().args(["deny", "--workspace", "check"])))
}

#[cfg(test)]
mod tests {
    use super::holds_example;

    #[test]
    fn an_example_is_told_from_a_drawing() {
        assert!(holds_example("    /// ```\n    /// let a = 1;\n    /// ```\n"));
        assert!(holds_example("//! ```no_run\n//! ```\n"));
        assert!(!holds_example("/// ```text\n/// a -> b\n/// ```\n"));
        assert!(!holds_example("let s = \"```\";\n"));
    }
}
