-- Threads: replies that hang at a message of their room. They stand in the room's order and count
-- in their thread only.

-- The root's seq and id; kept also by a tombstone, which goes on counting nowhere.
ALTER TABLE messages ADD COLUMN thread INTEGER;
ALTER TABLE messages ADD COLUMN thread_id TEXT;
-- It is a root with a row in threads.
ALTER TABLE messages ADD COLUMN threaded INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_by_thread ON messages (rk, thread, seq) WHERE thread IS NOT NULL;

CREATE TABLE threads (
  rk           INTEGER NOT NULL,
  root         INTEGER NOT NULL,
  replies      INTEGER NOT NULL,
  last_seq     INTEGER NOT NULL,
  last_at      INTEGER NOT NULL,
  -- The first few who replied: a JSON list.
  participants TEXT NOT NULL,
  rev          INTEGER NOT NULL,
  PRIMARY KEY (rk, root)
) STRICT, WITHOUT ROWID;
CREATE INDEX threads_by_last ON threads (rk, last_seq) WHERE replies > 0;

-- Who follows a thread, and how far it is read.
CREATE TABLE thread_users (
  rk        INTEGER NOT NULL,
  user      TEXT NOT NULL,
  root      INTEGER NOT NULL,
  following INTEGER NOT NULL,
  read_seq  INTEGER NOT NULL,
  PRIMARY KEY (rk, user, root)
) STRICT, WITHOUT ROWID;

-- Seq of the newest message of the room's own conversation: what lists show.
ALTER TABLE heads ADD COLUMN said_seq INTEGER NOT NULL DEFAULT 0;
UPDATE heads SET said_seq = seq;
