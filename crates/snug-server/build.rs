//! Packs the built web files into the binary. Without them the server builds all the same and
//! says at `/sdk/` and `/panel/` what is missing.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(var("CARGO_MANIFEST_DIR")).join("../../web");
    let mut table = String::from("/// What was packed.\npub static ASSETS: &[Asset] = &[\n");
    for (folder, prefix) in [
        ("packages/elements/dist", "sdk"),
        ("packages/client/dist", "sdk"),
        ("packages/panel/dist", "panel"),
        ("packages/embed/dist", "embed"),
        ("dist-packages", "sdk"),
    ] {
        let folder = root.join(folder);
        println!("cargo:rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        walk(&folder, &mut files);
        files.sort();
        for file in files {
            let name = file.strip_prefix(&folder).expect("a file below its folder");
            let name = format!("{prefix}/{}", name.display());
            if name.ends_with(".map") {
                continue;
            }
            let bytes = fs::read(&file).expect("a file that was listed");
            let mut hash = DefaultHasher::new();
            bytes.hash(&mut hash);
            let etag = format!("\"{:016x}\"", hash.finish());
            table.push_str(&format!(
                "    Asset {{ path: {name:?}, bytes: include_bytes!({:?}), etag: {etag:?} }},\n",
                file.display().to_string()
            ));
        }
    }
    table.push_str("];\n");
    fs::write(Path::new(&var("OUT_DIR")).join("assets.rs"), table).expect("OUT_DIR is writable");
}

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts by environment")]
fn var(name: &str) -> String {
    env::var(name).expect("set by cargo")
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
