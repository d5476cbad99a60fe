-- Whom messages mention: an index beside them, so that unread mentions are counted without reading
-- any. Counted from here on; what was sent before is not in it.

CREATE TABLE mentions (
    app    text COLLATE "C" NOT NULL,
    room   text COLLATE "C" NOT NULL,
    -- "u:" and a user, "r:" and a role, or "*" for everyone.
    target text COLLATE "C" NOT NULL,
    seq    bigint NOT NULL,
    sender text COLLATE "C",
    PRIMARY KEY (app, room, target, seq)
);
