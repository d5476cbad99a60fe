-- What consumers outside are told, and who has which work in hand.

CREATE TABLE consumers (
    app      text COLLATE "C" PRIMARY KEY,
    webhook  boolean NOT NULL,
    paused   boolean NOT NULL,
    pull     boolean NOT NULL,
    -- Highest position given.
    position bigint NOT NULL,
    rev      bigint NOT NULL,
    endpoint text
);

-- Positions are given after the commit, in the order of commits as far as a room goes.
CREATE TABLE outbox (
    app      text COLLATE "C" NOT NULL,
    room     text COLLATE "C" NOT NULL,
    rev      bigint NOT NULL,
    position bigint,
    kind     text NOT NULL,
    seq      bigint,
    at       bigint NOT NULL,
    state    text NOT NULL,
    attempts integer NOT NULL,
    next_at  bigint,
    status   integer,
    done_at  bigint,
    error    text,
    detail   text,
    PRIMARY KEY (app, room, rev)
);
CREATE UNIQUE INDEX outbox_by_position ON outbox (app, position) WHERE position IS NOT NULL;
CREATE INDEX outbox_unplaced ON outbox (app, room, rev) WHERE position IS NULL;
CREATE INDEX outbox_open ON outbox (app, state, position) WHERE state = 'waiting' OR state = 'parked';

CREATE TABLE jobs (
    app   text COLLATE "C" NOT NULL,
    kind  text COLLATE "C" NOT NULL,
    key   text COLLATE "C" NOT NULL,
    owner text,
    until bigint NOT NULL,
    fence bigint NOT NULL,
    asked boolean NOT NULL,
    PRIMARY KEY (app, kind, key)
);
