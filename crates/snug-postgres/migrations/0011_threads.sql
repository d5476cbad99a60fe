-- Threads: replies that hang at a message of their room. They stand in the room's order and count
-- in their thread only.

-- The root's seq and id; kept also by a tombstone, which goes on counting nowhere.
ALTER TABLE messages ADD COLUMN thread bigint;
ALTER TABLE messages ADD COLUMN thread_id text COLLATE "C";
-- It is a root with a row in threads.
ALTER TABLE messages ADD COLUMN threaded boolean NOT NULL DEFAULT false;
CREATE INDEX messages_by_thread ON messages (app, room, thread, seq) WHERE thread IS NOT NULL;

CREATE TABLE threads (
    app          text COLLATE "C" NOT NULL,
    room         text COLLATE "C" NOT NULL,
    root         bigint NOT NULL,
    replies      bigint NOT NULL,
    last_seq     bigint NOT NULL,
    last_at      bigint NOT NULL,
    -- The first few who replied: a JSON list.
    participants text NOT NULL,
    rev          bigint NOT NULL,
    PRIMARY KEY (app, room, root)
);
CREATE INDEX threads_by_last ON threads (app, room, last_seq) WHERE replies > 0;

-- Who follows a thread, and how far it is read.
CREATE TABLE thread_users (
    app       text COLLATE "C" NOT NULL,
    room      text COLLATE "C" NOT NULL,
    user_id   text COLLATE "C" NOT NULL,
    root      bigint NOT NULL,
    following boolean NOT NULL,
    read_seq  bigint NOT NULL,
    PRIMARY KEY (app, room, user_id, root)
);
