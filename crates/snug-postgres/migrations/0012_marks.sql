-- A user's own marks on messages: stars, and what was deleted for oneself.

CREATE TABLE marks (
    app        text COLLATE "C" NOT NULL,
    room       text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    seq        bigint NOT NULL,
    -- Which of the user's marks in the room it is: one for each, the newest of each message.
    rev        bigint NOT NULL,
    -- Above that of every earlier star of the user.
    starred_at bigint,
    deleted    boolean NOT NULL,
    PRIMARY KEY (app, room, user_id, seq)
);
-- The condition always holds: only the statements that go by rev repeat it.
CREATE UNIQUE INDEX marks_by_rev ON marks (app, room, user_id, rev) WHERE rev >= 0;
CREATE INDEX marks_starred ON marks (app, user_id, starred_at) WHERE starred_at IS NOT NULL;

-- The newest mark's rev, and the highest seq of the room's own conversation deleted for oneself.
ALTER TABLE members ADD COLUMN marks_rev bigint NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN deleted_seq bigint NOT NULL DEFAULT 0;
