-- Messages that are to be sent later. One row for each that was not sent yet.

CREATE TABLE scheduled (
    app           text COLLATE "C" NOT NULL,
    -- The user whose it is; empty: the backend.
    owner         text COLLATE "C" NOT NULL,
    id            text COLLATE "C" NOT NULL,
    room          text COLLATE "C" NOT NULL,
    at            bigint NOT NULL,
    -- When to try next; null once it has failed.
    due_at        bigint,
    -- Its sending has begun, and nobody knows yet how it ended.
    sending       boolean NOT NULL DEFAULT false,
    attempts      bigint NOT NULL DEFAULT 0,
    -- The send as it was given, a JSON document.
    words         text NOT NULL,
    -- Of what was asked, to know a repeat by.
    hash          bytea NOT NULL,
    rev           bigint NOT NULL,
    created_at    bigint NOT NULL,
    failed_at     bigint,
    failed_code   text,
    failed_detail text,
    PRIMARY KEY (app, owner, id)
);
-- The conditions hold always where there is a time: each is repeated by the statements that are to
-- take its index, and by no others.
CREATE INDEX scheduled_due ON scheduled (due_at, app) WHERE due_at IS NOT NULL AND attempts >= 0;
CREATE INDEX scheduled_due_of ON scheduled (app, due_at, owner, id) WHERE due_at >= 0;
CREATE INDEX scheduled_failed ON scheduled (failed_at) WHERE failed_at IS NOT NULL;
CREATE INDEX scheduled_by_time ON scheduled (app, owner, at, id) WHERE at >= 0;
