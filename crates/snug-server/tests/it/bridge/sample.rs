//! The sample backend in Node, and the kit that tries its promises.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use snug_core::engine::EnableBridge;
use snug_core::ids::AppId;
use snug_testkit::{TempDir, temp_dir};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::harness::{Request, TestApp, TestServer, text, within};

fn sample() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/ecb-backend/server.mjs");
    path.canonicalize().expect("the sample is there")
}

fn node(home: &Path, secret: &str) -> Command {
    let mut node = Command::new("node");
    node.env("HOME_DIR", home).env("PORT", "0").env("BRIDGE_SECRET", secret);
    node.env("SAMPLE", sample()).stdout(Stdio::piped()).kill_on_drop(true);
    node
}

/// Its keys, made by its first run.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) async fn new() -> Self {
        let folder = temp_dir();
        let first = node(folder.path(), "").arg(sample()).output();
        let output = within("the sample's first run", first).await.expect("node runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("BRIDGE_SECRET"), "{said}");
        Self { folder }
    }

    pub(crate) fn public_key(&self) -> PathBuf {
        self.folder.join("keys/public.pem")
    }

    /// Runs it, whole or breaking a promise.
    pub(crate) async fn run(&self, secret: &str, breaks: Option<&str>) -> Sample {
        let mut command = node(self.folder.path(), secret);
        match breaks {
            None => command.arg(sample()),
            Some(promise) => command
                .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/bridge/broken.mjs"))
                .env("BREAKS", promise),
        };
        let mut child = command.spawn().expect("node runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let said = within("the sample's first line", lines.next_line()).await.expect("a line");
        let said = said.expect("the sample says where it listens");
        let url = said.rsplit(' ').next().expect("a URL").to_owned();
        Sample { url, _child: child, _lines: lines }
    }

    /// An app whose backend this is.
    pub(crate) async fn bridge(&self, server: &TestServer, app: &TestApp) -> Sample {
        let id = AppId::new(&app.id).expect("an id");
        let public_key = std::fs::read_to_string(self.public_key()).expect("the key");
        let engine = &server.server().app().engine;
        let enable = |base_url: String| EnableBridge {
            base_url,
            public_key: public_key.clone(),
            members_only: true,
        };
        // The secret comes first; where the backend listens is known once it runs.
        let first = engine.enable_bridge(&id, enable("http://127.0.0.1:1/bridge".to_owned()));
        let secret = first.await.expect("bridged");
        let sample = self.run(&secret, None).await;
        let again = engine.enable_bridge(&id, enable(sample.url.clone())).await.expect("moved");
        assert_eq!(again, secret, "the secret stays");
        engine.settle_bridge(&id).await.expect("settled");
        sample
    }
}

/// The running sample.
pub(crate) struct Sample {
    pub(crate) url: String,
    _child: Child,
    _lines: Lines<BufReader<ChildStdout>>,
}

impl Sample {
    pub(crate) async fn access_token(&self, user: &str) -> String {
        let address = self.url.trim_start_matches("http://").trim_end_matches("/bridge");
        let address = address.parse().expect("an address");
        let path = format!("/access-token?user={user}");
        let answer = Request::new(address, "GET", &path).send().await.is(200);
        text(&answer["accessToken"])
    }
}

async fn check(home: &Home, sample: &Sample) -> (bool, String) {
    let mut snug = Command::new(env!("CARGO_BIN_EXE_snug"));
    snug.args(["--log", "error", "--outbound-allow-private", "127.0.0.0/8", "bridge", "check"]);
    snug.args(["--url", &sample.url, "--user", "ann", "--contact", "bob"]);
    snug.arg("--public-key").arg(home.public_key());
    snug.env("SNUG_BRIDGE_SECRET", "the-secret");
    snug.env("SNUG_BRIDGE_ACCESS_TOKEN", sample.access_token("ann").await);
    let output = within("snug bridge check", snug.output()).await.expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said + &errors)
}

/// What the names of the promises are is learnt from the good run: a new one must be broken too.
#[tokio::test(flavor = "multi_thread")]
async fn the_check_names_the_promise_that_is_broken() {
    let home = Home::new().await;
    let (good, said) = check(&home, &home.run("the-secret", None).await).await;
    assert!(good, "{said}");
    let name = |line: &str| {
        let rest = line.strip_prefix("kept ")?.trim_start();
        rest.split_once(':').map(|(name, _)| name.to_owned())
    };
    let names: Vec<String> = said.lines().filter_map(name).collect();
    let last = said.lines().last().expect("a line");
    assert!(last.starts_with(&format!("{0} of {0} promises are kept", names.len())), "{said}");
    assert!(names.len() >= 17, "{names:?}");
    for name in names {
        let sample = home.run("the-secret", Some(&name)).await;
        let (good, said) = check(&home, &sample).await;
        assert!(!good, "{name}: {said}");
        assert!(said.contains(&format!("BROKEN     {name}:")), "{name}: {said}");
        let document = include_str!("../../../../../docs/bridge.md");
        assert!(document.contains(&format!("| `{name}`")), "docs/bridge.md does not name {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_keeps_what_the_native_doors_send() {
    let server = TestServer::sqlite().await;
    let app = server.app().await;
    let home = Home::new().await;
    let sample = home.bridge(&server, &app).await;
    let open = async |user: &str| {
        let body = json!({"app": app.id, "token": sample.access_token(user).await});
        let opened = app.api("POST", "/v1/sessions", body, "none").await.is(201);
        assert_eq!(opened["user"], user);
        text(&opened["token"])
    };
    let (ann, bob) = (open("ann").await, open("bob").await);
    let body = json!({"kind": "direct", "user": "bob", "message": {"id": "m1", "text": "嗨"}});
    let made = app.api("POST", "/v1/rooms", body, &ann).await.is(201);
    let path = format!("/v1/rooms/{}/messages", text(&made["id"]));
    let again = json!({"id": "m1", "text": "嗨"});
    app.api("POST", &path, again, &ann).await.is(200);
    let refused = json!({"id": "m2", "text": "forbidden"});
    let problem = app.api("POST", &path, refused, &ann).await.refused(403, "bridge_refused");
    assert!(text(&problem["detail"]).contains("that is not said here"), "{problem}");
    let read = app.api("GET", &path, Value::Null, &bob).await.is(200);
    let texts: Vec<&Value> =
        read["messages"].as_array().expect("messages").iter().map(|one| &one["text"]).collect();
    assert_eq!(texts, ["嗨"]);
    let contacts = app.api("GET", "/v1/contacts", Value::Null, &bob).await.is(200);
    assert_eq!(contacts["contacts"][0]["name"], "Ann", "{contacts}");
}
