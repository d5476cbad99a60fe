-- A user's own marks on messages: stars, and what was deleted for oneself.

CREATE TABLE marks (
  rk         INTEGER NOT NULL,
  user       TEXT NOT NULL,
  seq        INTEGER NOT NULL,
  app        TEXT NOT NULL,
  -- Which of the user's marks in the room it is: one for each, the newest of each message.
  rev        INTEGER NOT NULL,
  -- Above that of every earlier star of the user.
  starred_at INTEGER,
  deleted    INTEGER NOT NULL,
  PRIMARY KEY (rk, user, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX marks_by_rev ON marks (rk, user, rev);
CREATE INDEX marks_starred ON marks (app, user, starred_at) WHERE starred_at IS NOT NULL;

-- The newest mark's rev, and the highest seq of the room's own conversation deleted for oneself.
ALTER TABLE members ADD COLUMN marks_rev INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN deleted_seq INTEGER NOT NULL DEFAULT 0;
