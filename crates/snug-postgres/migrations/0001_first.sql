-- Migration 1. What each table and index is for: docs/schema-postgres.md.
-- Keys are text in byte order (COLLATE "C"), all start with the app, and no row refers to another
-- by a foreign key: everything of a room places by (app, room). Times are UTC nanoseconds.

CREATE TABLE meta (
    key   text PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE apps (
    id          text COLLATE "C" PRIMARY KEY,
    name        text NOT NULL,
    policy      text NOT NULL,
    development boolean NOT NULL,
    origins     text[] NOT NULL,
    created_at  bigint NOT NULL,
    changed_at  bigint NOT NULL
);

CREATE TABLE server_keys (
    app        text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    sealed     bytea NOT NULL,
    hash       bytea NOT NULL,
    hint       text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    PRIMARY KEY (app, id)
);

CREATE TABLE users (
    app            text COLLATE "C" NOT NULL,
    id             text COLLATE "C" NOT NULL,
    name           text,
    avatar         text,
    locale         text,
    custom         text,
    session_custom text,
    deactivated_at bigint,
    tokens_after   bigint,
    created_at     bigint NOT NULL,
    changed_at     bigint NOT NULL,
    PRIMARY KEY (app, id)
);

CREATE TABLE devices (
    app          text COLLATE "C" NOT NULL,
    user_id      text COLLATE "C" NOT NULL,
    device       text COLLATE "C" NOT NULL,
    push_token   text,
    tokens_after bigint,
    changed_at   bigint NOT NULL,
    PRIMARY KEY (app, user_id, device)
);

CREATE TABLE sessions (
    app          text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    user_id      text COLLATE "C" NOT NULL,
    device       text COLLATE "C" NOT NULL,
    token_hash   bytea NOT NULL,
    created_at   bigint NOT NULL,
    ttl_seconds  bigint NOT NULL,
    expires_at   bigint NOT NULL,
    closed_at    bigint,
    close_reason text,
    PRIMARY KEY (app, id)
);
CREATE UNIQUE INDEX sessions_by_token ON sessions (app, token_hash);
CREATE UNIQUE INDEX sessions_open ON sessions (app, user_id, device) WHERE closed_at IS NULL;

CREATE TABLE spent_tokens (
    app        text COLLATE "C" NOT NULL,
    token_hash bytea NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (app, token_hash)
);

CREATE TABLE rooms (
    app            text COLLATE "C" NOT NULL,
    id             text COLLATE "C" NOT NULL,
    kind           text NOT NULL,
    direct_low     text COLLATE "C",
    direct_high    text COLLATE "C",
    direct_context text,
    name           text,
    avatar         text,
    description    text,
    custom         text,
    creator        text COLLATE "C",
    frozen         boolean NOT NULL,
    created_at     bigint NOT NULL,
    changed_at     bigint NOT NULL,
    deleted_at     bigint,
    epoch          text NOT NULL,
    min_seq        bigint NOT NULL,
    min_rev        bigint NOT NULL,
    policy_rev     bigint NOT NULL,
    member_count   integer NOT NULL,
    seq            bigint NOT NULL,
    rev            bigint NOT NULL,
    members_rev    bigint NOT NULL,
    counted        bigint NOT NULL,
    activity_at    bigint NOT NULL,
    preview_seq    bigint,
    preview_sender text COLLATE "C",
    preview_kind   text,
    preview_text   text,
    preview_at     bigint,
    last_time      bigint NOT NULL,
    PRIMARY KEY (app, id)
) WITH (fillfactor = 70);

CREATE TABLE members (
    app               text COLLATE "C" NOT NULL,
    room              text COLLATE "C" NOT NULL,
    user_id           text COLLATE "C" NOT NULL,
    role              text NOT NULL,
    state             text NOT NULL,
    joined_at         bigint NOT NULL,
    left_at           bigint,
    left_seq          bigint,
    rev               bigint NOT NULL,
    policy_rev        bigint NOT NULL,
    visible_after_seq bigint NOT NULL,
    read_seq          bigint NOT NULL,
    read_count        bigint NOT NULL,
    read_rev          bigint NOT NULL,
    own_count         bigint NOT NULL,
    read_own          bigint NOT NULL,
    changed_at        bigint NOT NULL,
    PRIMARY KEY (app, room, user_id)
) WITH (fillfactor = 80);
CREATE INDEX members_by_user ON members (app, user_id, room);
CREATE INDEX members_by_rev ON members (app, room, rev);
CREATE INDEX members_by_read ON members (app, room, read_rev);

CREATE TABLE left_rooms (
    app            text COLLATE "C" NOT NULL,
    room           text COLLATE "C" NOT NULL,
    user_id        text COLLATE "C" NOT NULL,
    name           text,
    avatar         text,
    description    text,
    custom         text,
    frozen         boolean NOT NULL,
    changed_at     bigint NOT NULL,
    member_count   integer NOT NULL,
    seq            bigint NOT NULL,
    rev            bigint NOT NULL,
    members_rev    bigint NOT NULL,
    counted        bigint NOT NULL,
    activity_at    bigint NOT NULL,
    preview_seq    bigint,
    preview_sender text COLLATE "C",
    preview_kind   text,
    preview_text   text,
    preview_at     bigint,
    PRIMARY KEY (app, room, user_id)
);

CREATE TABLE messages (
    app        text COLLATE "C" NOT NULL,
    room       text COLLATE "C" NOT NULL,
    seq        bigint NOT NULL,
    id         text COLLATE "C" NOT NULL,
    rev        bigint NOT NULL,
    first_rev  bigint NOT NULL,
    sender     text COLLATE "C",
    kind       text NOT NULL,
    text       text,
    custom     text,
    silent     boolean NOT NULL,
    counted    bigint NOT NULL,
    own_no     bigint NOT NULL,
    behind     boolean NOT NULL,
    hash       bytea NOT NULL,
    created_at bigint NOT NULL,
    deleted_at bigint,
    PRIMARY KEY (app, room, seq)
);
CREATE UNIQUE INDEX messages_by_key ON messages (app, room, id);
CREATE INDEX messages_changed ON messages (app, room, rev) WHERE rev > first_rev;
CREATE INDEX messages_behind ON messages (app, room, sender, seq) INCLUDE (own_no) WHERE behind;

CREATE TABLE aliases (
    app         text COLLATE "C" NOT NULL,
    dialect     text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    kind        text NOT NULL,
    internal_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (app, dialect, external_id)
);
CREATE INDEX aliases_by_internal ON aliases (app, dialect, kind, internal_id);

CREATE TABLE operators (
    id            text COLLATE "C" PRIMARY KEY,
    email         text COLLATE "C" NOT NULL UNIQUE,
    password_hash text NOT NULL,
    role          text NOT NULL,
    created_at    bigint NOT NULL
);

CREATE TABLE operator_sessions (
    token_hash bytea PRIMARY KEY,
    operator   text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX operator_sessions_by_end ON operator_sessions (expires_at);

CREATE TABLE audit (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    at         bigint NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    operator   text COLLATE "C",
    app        text COLLATE "C",
    action     text NOT NULL
);
CREATE INDEX audit_by_time ON audit (at, written_at);
