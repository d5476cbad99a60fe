-- Messages that change, times that name a message in the whole file, and dialects' documents.

ALTER TABLE messages ADD COLUMN edited_at INTEGER;
ALTER TABLE messages ADD COLUMN hidden_at INTEGER;
ALTER TABLE messages ADD COLUMN reacted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE heads ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;

-- Times were unique per room only. Rows that share one move by nanoseconds; within a room the
-- order of time stays the order of seq.
CREATE TEMP TABLE moved AS
  SELECT mk, rk, at FROM (
    SELECT mk, rk, created_at,
           max(created_at - n) OVER (ORDER BY created_at, mk) + n AS at
    FROM (SELECT mk, rk, created_at, row_number() OVER (ORDER BY created_at, mk) AS n
          FROM messages)
  ) WHERE at <> created_at;
UPDATE messages SET created_at = (SELECT at FROM temp.moved WHERE moved.mk = messages.mk)
  WHERE mk IN (SELECT mk FROM temp.moved);
UPDATE heads SET activity_at = max(activity_at, coalesce(
    (SELECT m.created_at FROM messages m WHERE m.rk = heads.rk ORDER BY m.seq DESC LIMIT 1), 0))
  WHERE rk IN (SELECT rk FROM temp.moved);
DROP TABLE temp.moved;
CREATE UNIQUE INDEX messages_by_time ON messages (created_at);
CREATE INDEX messages_gone ON messages (rk, seq)
  WHERE deleted_at IS NOT NULL OR hidden_at IS NOT NULL;

CREATE TABLE message_versions (
  rk     INTEGER NOT NULL,
  seq    INTEGER NOT NULL,
  rev    INTEGER NOT NULL,
  text   TEXT,
  custom TEXT,
  by     TEXT,
  at     INTEGER NOT NULL,
  PRIMARY KEY (rk, seq, rev)
) STRICT, WITHOUT ROWID;

CREATE TABLE reactions (
  rk   INTEGER NOT NULL,
  seq  INTEGER NOT NULL,
  key  TEXT NOT NULL,
  user TEXT NOT NULL,
  rev  INTEGER NOT NULL,
  PRIMARY KEY (rk, seq, key, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX rooms_by_kind ON rooms (app, kind, id);

CREATE TABLE records (
  app        TEXT NOT NULL,
  dialect    TEXT NOT NULL,
  kind       TEXT NOT NULL,
  key        TEXT NOT NULL,
  value      TEXT NOT NULL,
  rev        INTEGER NOT NULL,
  lookup     BLOB,
  changed_at INTEGER NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (app, dialect, kind, key)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX records_by_lookup ON records (dialect, kind, lookup)
  WHERE lookup IS NOT NULL;

-- Made for other systems' ids and never used: records hold them.
DROP TABLE aliases;
