-- A file of schema version 1, as its writer left it. Never edited: every later build opens it.
PRAGMA application_id = 1399747943;
CREATE TABLE schema_versions (version INTEGER PRIMARY KEY) STRICT;
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

INSERT INTO schema_versions VALUES (1);
INSERT INTO meta VALUES ('epoch', 'the-epoch-of-version-1');
INSERT INTO apps VALUES ('app_00000000000000000001', 'Second Street', 'open', 1, '["https://shop.example"]', 1000000000000000000, 1000000000000000000);
INSERT INTO server_keys VALUES ('app_00000000000000000001', 'k1', x'0102', x'abababababababababababababababababababababababababababababababab', 'wxyz', 1000000000000000000, NULL);
INSERT INTO users VALUES ('app_00000000000000000001', 'anna', 'Anna', NULL, 'zh-Hant', '{"vip": true}', NULL, NULL, 1000000000000000000, 1000000000000000000, NULL);
INSERT INTO users VALUES ('app_00000000000000000001', 'ben', NULL, NULL, NULL, NULL, NULL, NULL, 1000000000000000001, 1000000000000000001, NULL);
INSERT INTO devices VALUES ('app_00000000000000000001', 'anna', 'phone', 'push-1', NULL);
INSERT INTO sessions VALUES ('app_00000000000000000001', 'ses_1', x'abababababababababababababababababababababababababababababababab', 'anna', 'phone', 1000000000000000000, 3600, 2000000000000000000, NULL, NULL);
INSERT INTO rooms VALUES (1, 'app_00000000000000000001', 'listing-7', 'group', NULL, NULL, NULL, 'Bicycle, sold', NULL, NULL, '{"listing":  7}', 'anna', 0, 1000000000000000001, 'e1');
INSERT INTO heads VALUES (1, 2, 5, 3, 2, 1000000000000000005, 1000000000000000005, NULL, 1, 0, 1, 1);
INSERT INTO members VALUES (1, 'anna', 'app_00000000000000000001', 'active', 'owner', 1000000000000000001, NULL, NULL, 1, 1, 0, 2, 2, 5, 2, 2, 2, 1000000000000000005, NULL, NULL);
INSERT INTO members VALUES (1, 'ben', 'app_00000000000000000001', 'left', 'member', 1000000000000000001, 1000000000000000004, 1, 3, 2, 0, 0, 0, 1, 0, 0, 0, 1000000000000000004, 1000000000000000002, '{"version":1,"name":"Bicycle","avatar":null,"description":null,"custom":{"listing":  7},"creator":"anna","frozen":false,"created_at":1000000000000000001,"changed_at":1000000000000000004,"epoch":"e1","min_seq":1,"min_rev":0,"policy_rev":1,"member_count":2,"seq":1,"rev":3,"members_rev":3,"count":1,"activity_at":1000000000000000002,"preview":{"seq":1,"sender":"anna","kind":"text","text":"還在嗎?","created_at":1000000000000000002},"members":[{"user":"anna","role":"owner","joined_at":1000000000000000001,"read_seq":1,"rev":1},{"user":"ben","role":"member","joined_at":1000000000000000001,"read_seq":0,"rev":1}]}');
INSERT INTO messages VALUES (1, 1, 1, 2, 2, 'm-1', 'anna', 'text', '還在嗎?', NULL, 0, 1, 1, 0, 1000000000000000002, x'abababababababababababababababababababababababababababababababab', NULL, NULL);
INSERT INTO messages VALUES (2, 1, 2, 5, 5, 'm-2', 'anna', 'custom', NULL, '{"sold": 1}', 0, 2, 2, 1, 1000000000000000005, x'abababababababababababababababababababababababababababababababab', NULL, NULL);
INSERT INTO operators VALUES ('op_1', 'owner@shop.example', '$argon2id$x', 'owner', 1000000000000000000);
INSERT INTO audit VALUES (1, 1000000000000000000, 'op_1', 'app_00000000000000000001', 'app.create');
