-- What consumers outside are told, and who has which work in hand.

CREATE TABLE consumers (
  app      TEXT PRIMARY KEY,
  webhook  INTEGER NOT NULL,
  paused   INTEGER NOT NULL,
  pull     INTEGER NOT NULL,
  -- Highest position of a row that was cleared away.
  cleared  INTEGER NOT NULL,
  rev      INTEGER NOT NULL,
  endpoint TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
  app      TEXT NOT NULL,
  position INTEGER NOT NULL,
  rk       INTEGER NOT NULL,
  rev      INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  seq      INTEGER,
  at       INTEGER NOT NULL,
  state    TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  next_at  INTEGER,
  status   INTEGER,
  done_at  INTEGER,
  error    TEXT,
  detail   TEXT,
  PRIMARY KEY (app, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX outbox_by_rev ON outbox (rk, rev);
CREATE INDEX outbox_open ON outbox (app, state, position) WHERE state = 'waiting' OR state = 'parked';

CREATE TABLE jobs (
  app   TEXT NOT NULL,
  kind  TEXT NOT NULL,
  key   TEXT NOT NULL,
  owner TEXT,
  until INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  asked INTEGER NOT NULL,
  PRIMARY KEY (app, kind, key)
) STRICT, WITHOUT ROWID;
