//! A table that is young is analyzed soon after it has begun to grow, so that what was planned
//! while it was empty is not kept.

use std::time::Duration;

use snug_core::ids::{AppId, UserId};
use snug_core::model::{Time, UserPatch};
use snug_core::ports::UserStore;
use snug_postgres::{PostgresConfig, PostgresStore};
use snug_testkit::PgServer;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

#[tokio::test(flavor = "multi_thread")]
async fn a_young_table_is_analyzed() {
    let url = PgServer::shared().create_database();
    let config = PostgresConfig { pool_size: 4, ..PostgresConfig::new(&url, [7; 16]) };
    let store = PostgresStore::connect(config).await.expect("connect");
    let app = AppId::new(&format!("app_{:020}", 1)).expect("an app id");
    for n in 0..50 {
        let user = UserId::new(&format!("user{n}")).expect("a user id");
        store.upsert_user(&app, &user, UserPatch::default(), Time(1)).await.expect("a user");
    }
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("connect");
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let analyzed = async {
        loop {
            let sql = "SELECT reltuples FROM pg_class WHERE oid = 'users'::regclass";
            let known: f32 = client.query_one(sql, &[]).await.expect("a row").get(0);
            if known >= 50.0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let bound = Duration::from_secs(30);
    tokio::time::timeout(bound, analyzed).await.expect("the table is analyzed");
}
