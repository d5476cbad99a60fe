//! Which index every statement takes in a database that is young: there are no statistics yet, and
//! the plan is kept. Small tables hide a wrong way, so it is read, not timed. How tables are joined
//! then is another matter, and `young` mends it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deadpool_postgres::{Object, Pool};
use serde_json::Value;
use snug_core::conformance::{self, CASES};
use snug_core::limits;
use snug_core::ports::Store;
use snug_testkit::PgServer;

use crate::gather::Gather;
use crate::pool::{self, Connections};
use crate::room_bound::RoomBound;
use crate::{PostgresStore, schema};

/// Tables that may be read whole: a piece of the statement, and why.
const ON_PURPOSE: &[(&str, &str)] = &[
    ("FROM apps a ORDER BY a.created_at", "the panel's list of applications"),
    ("FROM consumers WHERE webhook OR pull", "a row for each application that has a consumer"),
    ("FROM consumers c WHERE c.webhook", "the same, looked at for work"),
    ("UPDATE nodes SET seen_at", "a row for each node"),
    ("FROM rooms r WHERE r.changed_at >= $1", "once when a node has died"),
];

/// Indexes that hold only for statements that repeat their condition, by a piece of these.
const BY_CONDITION: &[(&str, &str)] = &[
    ("ORDER BY g.created_at DESC LIMIT 1", "messages_by_time"),
    ("g.created_at = $2", "messages_by_time"),
    ("read_rev >= $3", "members_by_read"),
    ("m.rev > $3", "members_by_rev"),
    ("m.rev = $3", "members_by_rev"),
    ("x.rev > $4", "marks_by_rev"),
    ("s.starred_at < $3", "marks_starred"),
    ("k.starred_at < $3", "marks_starred"),
    ("preview_seq = $3 AND preview_text", "left_rooms_by_preview"),
    ("m.state = 'invited' AND m.rev >= 0", "members_invited"),
    ("s.due_at <= $1", "scheduled_due"),
    ("s.due_at > $1", "scheduled_due"),
    ("o.failed_at < $1", "scheduled_failed"),
    ("s.due_at <= $2", "scheduled_due_of"),
    ("(s.at, s.id) > ($3, $4)", "scheduled_by_time"),
];

/// Texts of statements, with the number of their parameters.
type Statements = BTreeMap<String, usize>;
/// The columns of each index, in their order.
type Indexes = BTreeMap<String, Vec<String>>;

async fn empty(size: usize) -> (String, Pool) {
    let url = PgServer::shared().create_database();
    let pool = pool::pool(&url, size).expect("a pool");
    schema::migrate(&pool, [7; 16]).await.expect("the schema");
    (url, pool)
}

/// Runs the whole suite and collects what was prepared for it.
async fn prepared() -> Statements {
    let (url, reads) = empty(8).await;
    let writes = pool::pool(&url, 4).expect("a pool");
    let store: Arc<dyn Store> = Arc::new(PostgresStore {
        reads: Connections::new(reads.clone()),
        gather: Gather::start(&writes, 3, 1),
        room_bound: RoomBound::new(limits::ROOMS_PER_USER_MAX),
        _young: tokio::task::JoinSet::new(),
    });
    let mut found = Statements::new();
    for case in CASES {
        // After each: a connection whose transaction ended badly takes its statements with it.
        conformance::run_each(vec![*case], async || store.clone()).await;
        for pool in [&reads, &writes] {
            let mut all = Vec::new();
            for _ in 0..pool.status().available {
                all.push(pool.get().await.expect("a connection"));
            }
            for one in all {
                collect(&one, &mut found).await;
            }
        }
    }
    found
}

async fn collect(one: &Object, found: &mut Statements) {
    let sql = "SELECT statement, cardinality(parameter_types) FROM pg_prepared_statements";
    for row in one.query(sql, &[]).await.expect("the statements") {
        let parameters: i32 = row.get(1);
        found.insert(row.get(0), usize::try_from(parameters).expect("a count"));
    }
}

async fn indexes(client: &Object) -> Indexes {
    let sql = "SELECT c.relname::text, array_agg(a.attname::text ORDER BY k.n)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND k.n <= i.indnkeyatts GROUP BY c.relname";
    let rows = client.query(sql, &[]).await.expect("the indexes");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The plan that is kept, whatever the parameters.
async fn plan(client: &Object, statement: &str, parameters: usize) -> Value {
    let nulls = vec!["NULL"; parameters].join(", ");
    let arguments = if parameters == 0 { String::new() } else { format!("({nulls})") };
    client.batch_execute(&format!("PREPARE one AS {statement}")).await.expect(statement);
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE one{arguments}");
    let rows = client.simple_query(&explain).await.expect(statement);
    client.batch_execute("DEALLOCATE one").await.expect("forgotten");
    let text = rows.iter().find_map(|row| match row {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    serde_json::from_str(text.expect("a plan")).expect("JSON")
}

fn nodes<'p>(plan: &'p Value, found: &mut Vec<&'p Value>) {
    match plan {
        Value::Array(all) => all.iter().for_each(|one| nodes(one, found)),
        Value::Object(fields) => {
            if fields.contains_key("Node Type") {
                found.push(plan);
            }
            for inner in [fields.get("Plan"), fields.get("Plans")].into_iter().flatten() {
                nodes(inner, found);
            }
        }
        _ => {}
    }
}

/// What is wrong with the way a node finds its rows.
fn wrong(node: &Value, indexes: &Indexes) -> Option<String> {
    let text = |name: &str| node[name].as_str().unwrap_or_default();
    if text("Node Type").ends_with("Seq Scan") {
        return Some(format!("reads all of {}", text("Relation Name")));
    }
    let none = Vec::new();
    let columns = indexes.get(text("Index Name")).unwrap_or(&none);
    let (by, filter) = (text("Index Cond"), text("Filter"));
    let asked: Vec<bool> = columns.iter().map(|name| by.contains(&format!("({name} "))).collect();
    if asked.windows(2).any(|two| !two[0] && two[1]) {
        return Some(format!("skips in {}: {by}", text("Index Name")));
    }
    let keys: BTreeSet<&str> = ["app", "room", "user_id", "id", "seq", "token_hash", "position"]
        .into_iter()
        .filter(|name| filter.contains(&format!("({name} = ")))
        // A list of keys is tried as long as the table seems to be empty.
        .filter(|name| !filter.contains(&format!("({name} = ANY ")))
        .collect();
    (!keys.is_empty()).then(|| format!("tries by {}: {by}, then {filter}", text("Index Name")))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_finds_its_rows_by_the_front_of_an_index() {
    let statements = prepared().await;
    let (_, pool) = empty(4).await;
    let client = pool.get().await.expect("a connection");
    client.batch_execute("SET plan_cache_mode = force_generic_plan").await.expect("set");
    let indexes = indexes(&client).await;
    let mut said = Vec::new();
    let (mut looked_at, mut seen) = (0, BTreeSet::new());
    for (statement, parameters) in &statements {
        let short = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        let first = short.split(' ').next().unwrap_or_default();
        if !["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"].contains(&first)
            || short.contains("pg_prepared_statements")
        {
            continue;
        }
        looked_at += 1;
        let plan = plan(&client, statement, *parameters).await;
        let mut found = Vec::new();
        nodes(&plan, &mut found);
        let whole = ON_PURPOSE.iter().any(|(piece, _)| short.contains(piece));
        for (piece, index) in BY_CONDITION.iter().filter(|(piece, _)| short.contains(piece)) {
            if !found.iter().any(|node| node["Index Name"] == *index) {
                said.push(format!("not by {index}, as {piece} should be\n    in {short}"));
            }
            seen.insert(*piece);
        }
        for node in found {
            if whole && node["Node Type"] == "Seq Scan" {
                continue;
            }
            let Some(problem) = wrong(node, &indexes) else { continue };
            said.push(format!("{problem}\n    in {short}"));
        }
    }
    assert_eq!(seen.len(), BY_CONDITION.len(), "only {seen:?}");
    assert!(looked_at > 90, "only {looked_at} statements were looked at");
    assert!(said.is_empty(), "{} of {looked_at}:\n{}", said.len(), said.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_planned_is_kept() {
    let (_, pool) = empty(1).await;
    let client = pool.get().await.expect("a connection");
    let sql = "SELECT r.seq FROM rooms r WHERE r.app = $1 AND r.id = ANY ($2)";
    let rooms = client.prepare_cached(sql).await.expect("prepared");
    for _ in 0..7 {
        client.query(&rooms, &[&"app", &["room"].as_slice()]).await.expect("rows");
    }
    let used =
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1";
    let used = client.query_one(used, &[&sql]).await.expect("a row");
    assert_eq!((used.get::<_, i64>(0), used.get::<_, i64>(1)), (7, 0));
}
