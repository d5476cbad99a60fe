//! Opening the stores, to fill them before their server starts. The one place that names them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use snug_core::ports::Store;
use snug_postgres::{PostgresConfig, PostgresStore};
use snug_sqlite::{SqliteConfig, SqliteStore};

/// The first bytes of every SQLite file.
const SQLITE_MAGIC: [u8; 16] = *b"SQLite format 3\0";
/// Used at a store's first opening only, and `snug app create` was before us.
const EPOCH_SEED: [u8; 16] = [0; 16];

/// The store behind `url`, or the embedded one in `folder`.
pub(crate) async fn open(folder: &Path, url: Option<&str>) -> io::Result<Arc<dyn Store>> {
    match url {
        Some(url) => {
            let config = PostgresConfig::new(url, EPOCH_SEED);
            let store = PostgresStore::connect(config).await;
            Ok(store.map_err(io::Error::other)?)
        }
        None => {
            let config = SqliteConfig::file(sqlite_file(folder)?, EPOCH_SEED);
            Ok(SqliteStore::open(config).map_err(io::Error::other)?)
        }
    }
}

/// The store's file, wherever the server's data folder keeps it.
fn sqlite_file(folder: &Path) -> io::Result<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if is_sqlite(&path) {
                return Ok(path);
            }
        }
    }
    Err(io::Error::other("the server made no SQLite file"))
}

fn is_sqlite(path: &Path) -> bool {
    let mut front = [0; SQLITE_MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut front));
    read.is_ok() && front == SQLITE_MAGIC
}
