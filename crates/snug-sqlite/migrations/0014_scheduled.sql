-- Messages that are to be sent later. One row for each that was not sent yet.

CREATE TABLE scheduled (
  app           TEXT NOT NULL,
  -- The user whose it is; empty: the backend.
  owner         TEXT NOT NULL,
  id            TEXT NOT NULL,
  room          TEXT NOT NULL,
  at            INTEGER NOT NULL,
  -- When to try next; null once it has failed.
  due_at        INTEGER,
  -- Its sending has begun, and nobody knows yet how it ended.
  sending       INTEGER NOT NULL DEFAULT 0,
  attempts      INTEGER NOT NULL DEFAULT 0,
  -- The send as it was given, a JSON document.
  words         TEXT NOT NULL,
  -- Of what was asked, to know a repeat by.
  hash          BLOB NOT NULL,
  rev           INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  failed_at     INTEGER,
  failed_code   TEXT,
  failed_detail TEXT,
  PRIMARY KEY (app, owner, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX scheduled_due ON scheduled (due_at, app) WHERE due_at IS NOT NULL;
CREATE INDEX scheduled_due_of ON scheduled (app, due_at, owner, id) WHERE due_at IS NOT NULL;
CREATE INDEX scheduled_failed ON scheduled (failed_at) WHERE failed_at IS NOT NULL;
CREATE INDEX scheduled_by_time ON scheduled (app, owner, at, id);
