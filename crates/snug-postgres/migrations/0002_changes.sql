-- Messages that change, times that name a message in the whole app, and dialects' documents.

ALTER TABLE messages ADD COLUMN edited_at bigint;
ALTER TABLE messages ADD COLUMN hidden_at bigint;
ALTER TABLE messages ADD COLUMN changed_at bigint;
ALTER TABLE messages ADD COLUMN reacted boolean NOT NULL DEFAULT false;

-- Times were unique per room only. Rows of an app that share one move by nanoseconds; within a
-- room the order of time stays the order of seq.
WITH moved AS (
  SELECT app, room, seq, at FROM (
    SELECT app, room, seq, created_at,
           max(created_at - n) OVER (PARTITION BY app ORDER BY created_at, room, seq) + n AS at
    FROM (SELECT app, room, seq, created_at,
                 row_number() OVER (PARTITION BY app ORDER BY created_at, room, seq) AS n
          FROM messages) numbered) placed
  WHERE at <> created_at)
UPDATE messages m SET created_at = moved.at FROM moved
  WHERE m.app = moved.app AND m.room = moved.room AND m.seq = moved.seq;
UPDATE rooms r SET last_time = m.created_at, activity_at = greatest(r.activity_at, m.created_at)
  FROM messages m
  WHERE m.app = r.app AND m.room = r.id AND m.seq = r.seq AND m.created_at > r.last_time;
CREATE UNIQUE INDEX messages_by_time ON messages (app, created_at);

CREATE TABLE gone_messages (
    app    text COLLATE "C" NOT NULL,
    room   text COLLATE "C" NOT NULL,
    seq    bigint NOT NULL,
    sender text COLLATE "C",
    PRIMARY KEY (app, room, seq)
);

CREATE TABLE message_versions (
    app    text COLLATE "C" NOT NULL,
    room   text COLLATE "C" NOT NULL,
    seq    bigint NOT NULL,
    rev    bigint NOT NULL,
    text   text,
    custom text,
    by     text COLLATE "C",
    at     bigint NOT NULL,
    PRIMARY KEY (app, room, seq, rev)
);

CREATE TABLE reactions (
    app     text COLLATE "C" NOT NULL,
    room    text COLLATE "C" NOT NULL,
    seq     bigint NOT NULL,
    key     text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    rev     bigint NOT NULL,
    PRIMARY KEY (app, room, seq, key, user_id)
);

CREATE INDEX rooms_by_kind ON rooms (app, kind, id);

CREATE TABLE records (
    app        text COLLATE "C" NOT NULL,
    dialect    text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    value      text NOT NULL,
    rev        bigint NOT NULL,
    lookup     bytea,
    changed_at bigint NOT NULL,
    expires_at bigint,
    PRIMARY KEY (app, dialect, kind, key)
);
CREATE UNIQUE INDEX records_by_lookup ON records (dialect, kind, lookup) WHERE lookup IS NOT NULL;

-- Made for other systems' ids and never used: records hold them.
DROP TABLE aliases;
