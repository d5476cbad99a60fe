-- Times are UTC nanoseconds. Words (state, role, kind) are those of the domain's as_str.
-- What each table and index is for: docs/schema.md.

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE apps (
  id          TEXT PRIMARY KEY,
  name        TEXT NOT NULL,
  policy      TEXT NOT NULL,
  development INTEGER NOT NULL,
  origins     TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  changed_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE server_keys (
  app        TEXT NOT NULL,
  id         TEXT NOT NULL,
  sealed     BLOB NOT NULL,
  hash       BLOB NOT NULL,
  hint       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (app, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  app            TEXT NOT NULL,
  id             TEXT NOT NULL,
  name           TEXT,
  avatar         TEXT,
  locale         TEXT,
  custom         TEXT,
  session_custom TEXT,
  deactivated_at INTEGER,
  created_at     INTEGER NOT NULL,
  changed_at     INTEGER NOT NULL,
  tokens_after   INTEGER,
  PRIMARY KEY (app, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
  app          TEXT NOT NULL,
  user         TEXT NOT NULL,
  id           TEXT NOT NULL,
  push_token   TEXT,
  tokens_after INTEGER,
  PRIMARY KEY (app, user, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  app         TEXT NOT NULL,
  id          TEXT NOT NULL,
  token       BLOB NOT NULL,
  user        TEXT NOT NULL,
  device      TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  ttl_seconds INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  closed_at   INTEGER,
  closed_why  TEXT,
  PRIMARY KEY (app, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sessions_by_token ON sessions (app, token);
CREATE UNIQUE INDEX sessions_open ON sessions (app, user, device) WHERE closed_at IS NULL;

CREATE TABLE spent_tokens (
  app        TEXT NOT NULL,
  token      BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (app, token)
) STRICT, WITHOUT ROWID;

CREATE TABLE rooms (
  rk             INTEGER PRIMARY KEY,
  app            TEXT NOT NULL,
  id             TEXT NOT NULL,
  kind           TEXT NOT NULL,
  direct_low     TEXT,
  direct_high    TEXT,
  direct_context TEXT,
  name           TEXT,
  avatar         TEXT,
  description    TEXT,
  custom         TEXT,
  creator        TEXT,
  frozen         INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  epoch          TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX rooms_by_id ON rooms (app, id);

CREATE TABLE heads (
  rk           INTEGER PRIMARY KEY,
  seq          INTEGER NOT NULL,
  rev          INTEGER NOT NULL,
  members_rev  INTEGER NOT NULL,
  count        INTEGER NOT NULL,
  activity_at  INTEGER NOT NULL,
  changed_at   INTEGER NOT NULL,
  deleted_at   INTEGER,
  min_seq      INTEGER NOT NULL,
  min_rev      INTEGER NOT NULL,
  policy_rev   INTEGER NOT NULL,
  member_count INTEGER NOT NULL
) STRICT;

CREATE TABLE members (
  rk                INTEGER NOT NULL,
  user              TEXT NOT NULL,
  app               TEXT NOT NULL,
  state             TEXT NOT NULL,
  role              TEXT NOT NULL,
  joined_at         INTEGER NOT NULL,
  left_at           INTEGER,
  left_seq          INTEGER,
  rev               INTEGER NOT NULL,
  policy_rev        INTEGER NOT NULL,
  visible_after_seq INTEGER NOT NULL,
  read_seq          INTEGER NOT NULL,
  read_count        INTEGER NOT NULL,
  read_rev          INTEGER NOT NULL,
  own_count         INTEGER NOT NULL,
  read_own          INTEGER NOT NULL,
  last_own_seq      INTEGER NOT NULL,
  changed_at        INTEGER NOT NULL,
  left_activity_at  INTEGER,
  left_room         TEXT,
  PRIMARY KEY (rk, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (app, user, state, left_activity_at);
CREATE INDEX members_by_rev ON members (rk, rev);

CREATE TABLE messages (
  mk         INTEGER PRIMARY KEY,
  rk         INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  rev        INTEGER NOT NULL,
  first_rev  INTEGER NOT NULL,
  id         TEXT NOT NULL,
  sender     TEXT,
  kind       TEXT NOT NULL,
  text       TEXT,
  custom     TEXT,
  silent     INTEGER NOT NULL,
  count      INTEGER NOT NULL,
  own_no     INTEGER NOT NULL,
  own_before INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  hash       BLOB NOT NULL,
  deleted_at INTEGER,
  changed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX messages_by_seq ON messages (rk, seq);
CREATE UNIQUE INDEX messages_by_id ON messages (rk, id);
CREATE INDEX messages_changed ON messages (rk, rev) WHERE rev <> first_rev;

CREATE TABLE aliases (
  app      TEXT NOT NULL,
  dialect  TEXT NOT NULL,
  kind     TEXT NOT NULL,
  external TEXT NOT NULL,
  internal TEXT NOT NULL,
  PRIMARY KEY (app, dialect, kind, external)
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_by_internal ON aliases (app, dialect, kind, internal);

CREATE TABLE operators (
  id            TEXT PRIMARY KEY,
  email         TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  role          TEXT NOT NULL,
  created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE operator_sessions (
  token      BLOB PRIMARY KEY,
  operator   TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  n        INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  operator TEXT,
  app      TEXT,
  action   TEXT NOT NULL
) STRICT;
